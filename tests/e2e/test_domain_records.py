"""`posthorn domain add`, `records` and `check`: what they say is set in a signed zone, and what is not is found."""

import json
import os
import subprocess

import pytest
from server import BINARY, DOMAIN, HOST, Server
from signed_names import HEAD, SignedNames

MAIL = f"mail.{DOMAIN}"


def is_record(line: str) -> bool:
    return bool(line) and not line.startswith(";") and " IN " in line and f"{MAIL}. IN A" not in line


class House:
    """No server runs: the commands work on its files."""

    def __init__(self):
        self.names = SignedNames("", forged=f"mx A {HOST}\n")
        self.server = Server(resolver=self.names.address, **{"dnssec-anchor": self.names.anchor, "mta-sts-port": "9"})
        (self.names.directory / "anchor").write_text("")
        self.said = {}
        for domain in (DOMAIN, "bare.example", "wrong.example"):
            self.said[domain] = self.server.admin("domain", "add", domain)
        self.zone = f"{MAIL}. IN A {HOST}\nbare.example. IN TXT unrelated\n"
        self.zone += "".join(f"{line}\n" for line in self.records(DOMAIN, "--dnssec"))
        self.zone += self.wrong()
        self.zone += f'{DOMAIN}. IN CAA 0 iodef "mailto:a@b.example"\n{DOMAIN}. IN CAA 128 issue "other-ca.example; x=y"\n'
        with (self.names.directory / "example.zone").open("a") as zone:
            zone.write(self.zone)

    def records(self, domain: str, *options: str) -> list[str]:
        return [line for line in self.server.admin("domain", "records", domain, *options).splitlines() if is_record(line)]

    def wrong(self) -> str:
        key = next(row["name"] for row in self.server.rows("domain", "records", "wrong.example") if "_domainkey" in row["name"])
        return f"""wrong.example. IN MX 10 mx.elsewhere.example.
wrong.example. IN TXT "v=spf1 include:nowhere.example -all"
{key}. IN TXT "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
_dmarc.wrong.example. IN TXT "v=DMARC1; p=none; rua=mailto:reports@elsewhere.test"
_mta-sts.wrong.example. IN TXT "v=STSv1; id=1"
_imaps._tcp.wrong.example. IN SRV 0 1 4711 {MAIL}.
"""

    def check(self, domain: str, *options: str, config=None, language: str = "C") -> subprocess.CompletedProcess:
        command = [BINARY, "-c", str(config or self.server.config), "domain", "check", domain, *options]
        environment = {**os.environ, "LANG": language, "LC_ALL": ""}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    def findings(self, domain: str, status: int, config=None) -> list[dict]:
        done = self.check(domain, "--json", config=config)
        assert done.returncode == status, done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def config(self, name: str, **changes: str):
        lines = [line for line in self.server.config.read_text().splitlines() if line.split(" ")[0] not in changes]
        config = self.server.directory / name
        config.write_text("\n".join(lines + [f"{key} = {value}" for key, value in changes.items()]) + "\n")
        return config


@pytest.fixture(scope="module")
def house():
    made = House()
    try:
        with made.names:
            yield made
    finally:
        made.server.close()


def zone_check(text: str, tmp_path) -> None:
    zone = tmp_path / "example.zone"
    zone.write_text(HEAD.format(zone="example.") + "ns A 127.0.0.1\n" + text)
    config = tmp_path / "knot.conf"
    config.write_text(f"zone:\n  - domain: example.\n    storage: {tmp_path}\n    file: example.zone\n    semantic-checks: on\n")
    done = subprocess.run(["/usr/sbin/knotc", "-c", config, "zone-check", "example."], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout


def test_what_is_printed_is_a_zone_file(house, tmp_path):
    with pytest.raises(AssertionError):
        zone_check("broken. IN MX mail\n", tmp_path)
    for domain in house.said:
        lines = [line for line in house.said[domain].splitlines() if is_record(line)]
        zone_check("\n".join(lines) + "\n", tmp_path)
        assert house.records(domain) == lines
    zone_check(house.zone, tmp_path)


def test_what_is_printed_has_all_of_it(house):
    rows = house.server.rows("domain", "records", DOMAIN, "--dnssec")
    found = {(row["name"], row["type"]): row for row in rows}
    assert found[DOMAIN, "MX"]["data"] == f"10 {MAIL}."
    assert found[f"_dmarc.{DOMAIN}", "TXT"]["text"] == f"v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}"
    assert found[f"_submissions._tcp.{DOMAIN}", "SRV"]["data"] == f"0 1 {house.server.ports['submissions']} {MAIL}."
    assert found[f"_{house.server.ports['smtp']}._tcp.{MAIL}", "TLSA"]["need"] == "advised"
    assert found[f"_mta-sts.{DOMAIN}", "TXT"]["need"] == "hint"
    assert found[DOMAIN, "CAA"]["need"] == "hint"
    assert sum("_domainkey" in row["name"] for row in rows) == 2


def test_what_is_set_as_printed_lacks_nothing(house):
    findings = house.findings(DOMAIN, 0)
    assert {f["what"] for f in findings if f["level"] not in ("ok", "advice")} == set()
    assert [f["what"] for f in findings if f["check"] == "domains" and f["level"] == "advice"] == [f"{DOMAIN} has no MTA-STS record"]


def test_what_is_missing_is_said_with_its_line(house):
    cures = {f["do"] for f in house.findings("bare.example", 1)}
    wanted = [line for line in house.records("bare.example") if "TLSA" not in line and "_submission." not in line]
    assert len(wanted) > 6 and [line for line in wanted if line not in cures] == []


def test_what_is_wrong_is_said(house):
    findings = {f["what"]: f for f in house.findings("wrong.example", 1)}
    texts = "\n".join(findings)
    assert f"mail for wrong.example goes to mx.elsewhere.example, not to {MAIL}" in findings
    assert "the SPF record of wrong.example is wrong: " in texts
    assert texts.count("the key with which mail is signed is not at ") == 2
    assert "reports about wrong.example go to nobody: mailto:reports@elsewhere.test" in findings
    assert "wrong.example says that it has an MTA-STS policy, but the policy can't be had" in findings
    assert f"_imaps._tcp.wrong.example leads to port 4711, but the server listens on {house.server.ports['imaps']}" in findings


def test_a_key_that_is_not_in_the_tlsa_record_is_an_error(house):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", "new.key", "-out", "new.pem", "-subj", f"/CN={MAIL}"],
        cwd=house.server.directory, check=True, capture_output=True,
    )  # fmt: skip
    at = house.server.directory
    config = house.config("new.conf", certificate=f"{at}/new.pem {at}/new.key")
    wrong = [f for f in house.findings(DOMAIN, 1, config) if f["level"] == "error"]
    assert [f["what"] for f in wrong] == [f"no TLSA record of {MAIL} fits its certificate"]
    assert wrong[0]["do"].startswith(f"_{house.server.ports['smtp']}._tcp.{MAIL}. IN TLSA 3 1 1 ")


def test_an_authority_that_may_not_is_an_error(house):
    config = house.config("caa.conf", acme="letsencrypt")
    wrong = [f for f in house.findings(DOMAIN, 1, config) if f["level"] == "error"]
    assert [f["what"] for f in wrong] == [
        f"the CAA records of {DOMAIN} let other-ca.example make certificates for {MAIL}, not letsencrypt.org"
    ]
    assert wrong[0]["do"] == f'{DOMAIN}. IN CAA 0 issue "letsencrypt.org"'


def test_broken_signatures_are_an_error(house):
    config = house.config("forged.conf", hostname="mx.forged.example")
    texts = [f["what"] for f in house.findings(DOMAIN, 1, config)]
    assert "what the DNS says of mx.forged.example is not signed as its zone promises (DNSSEC)" in texts


def test_people_read_it_in_their_language(house):
    done = house.check("bare.example", language="de_DE.UTF-8")
    assert done.returncode == 1
    assert "error    bare.example hat keinen MX-Eintrag\n" in done.stdout
    assert f"         > bare.example. IN MX 10 {MAIL}.\n" in done.stdout
    assert "bare.example has no MX record\n" in house.check("bare.example").stdout


def test_a_domain_that_is_not_ours_is_refused(house):
    done = house.check("elsewhere.test")
    assert done.returncode == 2 and "elsewhere.test" in done.stderr
