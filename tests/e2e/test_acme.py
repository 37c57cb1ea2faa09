"""Certificates that come by themselves, from Debian's pebble: got, renewed, not had, and had again."""

import socket
import ssl
import urllib.error
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from names import Names
from pebble import NAME, Pebble
from server import DOMAIN, HOST, Server, free_ports, wait_until

MAIL = f"mail.{DOMAIN}"
ALSO = f"imap.{DOMAIN}"
SHORT_SECONDS = 15


class House:
    """A server whose certificate comes from a pebble of its own."""

    def __init__(self, challenge: str, seconds: int = 90 * 86400, accounts: dict | None = None, **settings: str):
        records = {(name, "A"): [HOST] for name in (MAIL, ALSO, NAME)}
        self.names = Names(records).__enter__()
        self.http, self.tls = free_ports(2)
        self.ca = Pebble(self.names.address, self.http, self.tls, seconds, accounts)
        self.ca.start()
        port = self.http if challenge == "http-01" else self.tls
        acme = {
            "acme": self.ca.url, "acme-names": ALSO, "acme-contact": f"postmaster@{DOMAIN}", "acme-challenge": challenge,
            "acme-listen": f"{HOST}:{port}", "ca-file": str(self.ca.file), "resolver": self.names.address,
        }  # fmt: skip
        self.server = Server(**{**acme, **settings})
        lines = [line for line in self.server.config.read_text().splitlines() if not line.startswith("certificate =")]
        self.server.config.write_text("\n".join(lines) + "\n")

    def close(self) -> None:
        self.server.close()
        self.ca.__exit__()
        self.names.__exit__()

    def shown(self, name: str = MAIL) -> x509.Certificate | None:
        """What IMAP shows, if it is the authority's."""
        try:
            with socket.create_connection((HOST, self.server.ports["imaps"]), timeout=10) as raw:
                with self.ca.trust().wrap_socket(raw, server_hostname=name) as connection:
                    return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))
        except ssl.SSLCertVerificationError:
            return None

    def await_certificate(self) -> x509.Certificate:
        return wait_until("a certificate", self.shown, 60, 0.2)

    def listed(self) -> dict:
        return self.server.rows("certificate", "list")[0]


def key_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def house():
    made = House("http-01")
    try:
        made.server.start()
        yield made
        made.server.stop()
    finally:
        made.close()


def test_a_certificate_comes_without_a_restart(house):
    edge = house.server.worker("edge")
    certificate = house.await_certificate()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert set(names) == {MAIL, ALSO}
    assert house.shown(ALSO) == certificate
    assert house.server.worker("edge") == edge
    row = house.listed()
    assert row["source"] == "acme" and row["error"] == "" and set(row["names"].split()) == {MAIL, ALSO}
    life = row["until"] - row["from"]
    assert abs(row["next"] - (row["from"] + life * 2 / 3)) < 10


def test_a_renewal_keeps_the_key_and_the_connections(house):
    first = house.await_certificate()
    raw = socket.create_connection((HOST, house.server.ports["imaps"]), timeout=30)
    with house.ca.trust().wrap_socket(raw, server_hostname=MAIL) as connection:
        assert connection.recv(1000).startswith(b"* OK")
        assert "a new certificate is in force until " in house.server.admin("certificate", "renew")
        second = house.shown()
        assert second.serial_number != first.serial_number and key_of(second) == key_of(first)
        connection.sendall(b"a NOOP\r\n")
        assert b"a OK" in connection.recv(1000)


def test_the_door_serves_nothing_else(house):
    for path in ("/", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/nothing", "/.well-known/acme-challenge/../x"):
        with pytest.raises(urllib.error.HTTPError) as failure:
            urllib.request.urlopen(f"http://{HOST}:{house.http}{path}", timeout=10)
        assert failure.value.code == 404 and failure.value.read() == b""


def test_keys_are_for_the_supervisor_alone(house):
    house.await_certificate()
    folder = house.server.data / "tls"
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.name for path in folder.iterdir()} == {
        "acme-account.key.pem", f"{MAIL}.acme.pem", f"{MAIL}.chain.pem", f"{MAIL}.key.pem"
    }  # fmt: skip
    assert folder.stat().st_uid == house.server.config.stat().st_uid
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


def test_the_certificate_outlives_a_restart(house):
    before = house.await_certificate()
    house.server.stop()
    house.server.start()
    assert house.shown() == before
    assert house.listed()["error"] == ""


def test_an_authority_that_is_down_is_told_and_got_over(house):
    before = house.await_certificate()
    house.ca.stop()
    done = house.server.command("certificate", "renew")
    assert done.returncode != 0 and "the authority does not answer" in done.stderr
    assert house.listed()["error"] == "the authority does not answer"
    assert house.server.events("acme.failed")[-1]["failures"] == 1
    status = house.server.command("status", "--json").stdout
    assert '"acme"' in status and "no new certificate could be had" in status
    doctor = house.server.command("doctor").stdout
    assert "no new certificate could be had, 1 times in a row: the authority does not answer" in doctor
    house.ca.start()
    house.server.admin("certificate", "renew")
    assert house.shown().serial_number != before.serial_number and key_of(house.shown()) == key_of(before)
    assert house.listed()["error"] == ""


def test_a_proof_that_fails_says_why(house):
    house.await_certificate()
    house.names.records[ALSO, "A"] = ["127.0.0.9"]  # where nobody listens
    try:
        done = house.server.command("certificate", "renew")
        assert done.returncode != 0 and f"{ALSO} could not be proven: " in done.stderr
    finally:
        house.names.records[ALSO, "A"] = [HOST]
    house.server.admin("certificate", "renew")


def test_proofs_by_tls_alone():
    house = House("tls-alpn-01")
    try:
        house.server.start()
        certificate = house.await_certificate()
        assert house.listed()["source"] == "acme"
        house.server.admin("certificate", "renew")
        assert key_of(house.shown()) == key_of(certificate)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for protocols in ([], ["h2"], ["acme-tls/1"]):  # no proof is under way
            context.set_alpn_protocols(protocols)
            with socket.create_connection((HOST, house.tls), timeout=10) as raw, pytest.raises(ssl.SSLError):
                context.wrap_socket(raw, server_hostname=MAIL)
        house.server.stop()
    finally:
        house.close()


def test_it_is_renewed_by_itself():
    house = House("http-01", seconds=SHORT_SECONDS)
    try:
        house.server.start()
        first = house.await_certificate()
        wait_until("the next one", lambda: (house.shown() or first).serial_number != first.serial_number, 60, 0.5)
        house.server.stop()
    finally:
        house.close()


def test_an_account_that_was_given_elsewhere(tmp_path):
    secret = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    key = tmp_path / "account.key"
    key.write_text(secret + "\n")
    house = House("http-01", accounts={"kid-1": secret}, **{"acme-account": f"kid-1 {key}"})
    try:
        house.server.start()
        house.await_certificate()
        house.server.stop()
    finally:
        house.close()


class Zone(dict):
    """Records of a name server, and those that the administrator's program has put into a folder."""

    def __init__(self, records: dict, folder):
        super().__init__(records)
        self.folder = folder

    def get(self, key, default=None):
        name, kind = key
        file = self.folder / name
        if kind == "TXT" and file.exists():
            return file.read_text().split()
        return super().get(key, default)


HOOK = """#!/usr/bin/python3
import pathlib, sys
verb, name, value = sys.argv[1:]
here = pathlib.Path(__file__).parent
with (here / "told").open("a") as told:
    told.write(f"{verb} {name} {value}\\n")
if (here / "broken").exists():
    sys.exit(3)
record = here / "zone" / name
values = record.read_text().split() if record.exists() else []
values = values + [value] if verb == "add" else [other for other in values if other != value]
record.write_text("\\n".join(values)) if values else record.unlink(missing_ok=True)
"""


@pytest.fixture(scope="module")
def zone_house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dns")
    (folder / "zone").mkdir()
    hook = folder / "hook"
    hook.write_text(HOOK)
    hook.chmod(0o755)
    made = House("dns-01", **{"acme-names": f"*.{DOMAIN} {DOMAIN}"})
    made.names.records = Zone(made.names.records, folder / "zone")
    made.hook = hook
    try:
        made.server.start()
        yield made
        made.server.stop()
    finally:
        made.close()


def told(house) -> list[list[str]]:
    return [line.split() for line in (house.hook.parent / "told").read_text().splitlines()]


def begun(house, done):
    return done if (house.hook.parent / "told").exists() else None


def test_a_program_proves_names_in_the_dns(zone_house):
    house = zone_house
    # Ports are open before relay can be asked: then nothing was begun.
    done = wait_until("relay", lambda: begun(house, house.server.command("certificate", "renew", "--hook", str(house.hook))))
    assert "a new certificate is in force until " in done.stdout, done.stderr
    certificate = house.await_certificate()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert set(names) == {MAIL, f"*.{DOMAIN}", DOMAIN}
    assert house.shown(f"anything.{DOMAIN}") == certificate
    runs = told(house)
    added, removed = [run[1:] for run in runs if run[0] == "add"], [run[1:] for run in runs if run[0] == "remove"]
    assert sorted(name for name, _ in added) == [f"_acme-challenge.{DOMAIN}"] * 2 + [f"_acme-challenge.{MAIL}"]
    assert sorted(added) == sorted(removed) and list((house.hook.parent / "zone").iterdir()) == []


def test_nothing_is_done_by_dns_before_it_is_due(zone_house):
    house = zone_house
    if house.shown() is None:
        house.server.admin("certificate", "renew", "--hook", str(house.hook))
    before = house.await_certificate()
    assert house.server.admin("certificate", "renew", "--if-due", "--hook", str(house.hook)) == ""
    assert house.shown() == before


def test_a_program_that_fails_is_told_and_cleaned_up_after(zone_house):
    house = zone_house
    broken = house.hook.parent / "broken"
    broken.touch()
    try:
        done = house.server.command("certificate", "renew", "--hook", str(house.hook))
    finally:
        broken.unlink()
    assert done.returncode != 0 and "hook add ended with status 3" in done.stderr
    assert "may still be there: " in done.stdout and told(house)[-1][0] == "remove"
    assert "hook add ended with status 3" in house.server.events("acme.failed")[-1]["error"]
    assert "hook add ended with status 3" in house.server.command("doctor").stdout
    assert house.server.admin("certificate", "renew", "--if-due", "--hook", str(house.hook)) == ""  # its back-off is obeyed
    house.server.admin("certificate", "renew", "--hook", str(house.hook))
    assert house.listed()["error"] == ""


def test_a_program_is_asked_for_where_one_is_needed(zone_house, house):
    done = zone_house.server.command("certificate", "renew")
    assert done.returncode != 0 and "posthorn certificate renew --hook PROGRAM" in done.stderr
    done = zone_house.server.command("certificate", "renew", "--hook", "/nothing/there")
    assert done.returncode != 0 and "/nothing/there can't be run" in done.stderr
    done = house.server.command("certificate", "renew", "--hook", "/bin/true")
    assert done.returncode != 0 and "no program is needed: acme-challenge is http-01" in done.stderr
