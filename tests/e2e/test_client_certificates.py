"""EXTERNAL: a log-in by a certificate of the client's, vouched for by an authority that openssl made."""

import imaplib
import poplib
import ssl
import subprocess

import pytest

import server as house
from server import DOMAIN, HOST, PATIENCE_SECONDS


def openssl(*words) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    def __init__(self, directory, name: str):
        self.directory = directory
        self.certificate = directory / f"{name}.pem"
        self.key = directory / f"{name}.key"
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 2,
            "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate,
        )  # fmt: skip
        self.certificate.chmod(0o644)
        self.count = 0

    def issue(self, address: str, in_subject: bool = False):
        """Certificate and key of a client, in two files."""
        self.count += 1
        base = self.directory / f"{self.certificate.stem}-{self.count}"
        extensions = "extendedKeyUsage=clientAuth\n" + ("" if in_subject else f"subjectAltName=email:{address}\n")
        base.with_suffix(".ext").write_text(extensions)
        openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN=client/emailAddress={address}" if in_subject else "/CN=client",
            "-keyout", base.with_suffix(".key"), "-out", base.with_suffix(".csr"),
        )  # fmt: skip
        openssl(
            "x509", "-req", "-days", 1, "-in", base.with_suffix(".csr"), "-CA", self.certificate, "-CAkey", self.key,
            "-CAcreateserial", "-extfile", base.with_suffix(".ext"), "-out", base.with_suffix(".pem"),
        )  # fmt: skip
        return base.with_suffix(".pem"), base.with_suffix(".key")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    directory = tmp_path_factory.mktemp("authority")
    for part in (directory, *directory.parents[:2]):
        part.chmod(0o755)
    return Authority(directory, "ours")


@pytest.fixture(scope="module")
def running_server(authority):
    with house.running(**{"client-ca": str(authority.certificate)}) as running:
        yield running


@pytest.fixture
def carla(server):
    account = server.account("carla")
    server.admin("account", "set", account.address, "--certificate-login", "yes")
    return account


def context_of(server, files, highest=ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(server.certificate))
    context.maximum_version = highest
    if files is not None:
        context.load_cert_chain(*files)
    return context


def imap(server, files, highest=ssl.TLSVersion.TLSv1_3) -> imaplib.IMAP4_SSL:
    return imaplib.IMAP4_SSL(
        HOST, server.ports["imaps"], ssl_context=context_of(server, files, highest), timeout=PATIENCE_SECONDS
    )


@pytest.mark.parametrize("in_subject", [False, True], ids=["rfc822Name", "emailAddress"])
@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_imap(server, authority, carla, in_subject, highest):
    client = imap(server, authority.issue(carla.address, in_subject), highest)
    assert "AUTH=EXTERNAL" in client.capabilities
    assert client.authenticate("EXTERNAL", lambda challenge: b"")[0] == "OK"
    assert client.select("INBOX")[0] == "OK"
    client.logout()
    assert server.events("login.ok")[-1]["account"] == carla.address


def test_imap_after_starttls_with_an_identity(server, authority, carla):
    client = imaplib.IMAP4(HOST, server.ports["imap"], timeout=PATIENCE_SECONDS)
    assert "AUTH=EXTERNAL" not in client.capabilities
    client.starttls(context_of(server, authority.issue(carla.address)))
    assert "AUTH=EXTERNAL" in client.capabilities
    assert client.authenticate("EXTERNAL", lambda challenge: carla.address.encode())[0] == "OK"
    client.logout()


def test_pop3(server, authority, carla):
    context = context_of(server, authority.issue(carla.address))
    client = poplib.POP3_SSL(HOST, server.ports["pop3s"], context=context, timeout=PATIENCE_SECONDS)
    assert "EXTERNAL" in client.capa()["SASL"]
    assert client._shortcmd("AUTH EXTERNAL =").startswith(b"+OK")
    assert client.stat() == (0, 0)
    client.quit()


def test_msmtp_and_curl(server, authority, home, carla):
    certificate, key = authority.issue(carla.address)
    home.write(
        "msmtprc",
        f"account default\nhost {HOST}\nport {server.ports['submission']}\ntls on\ntls_starttls on\n"
        f"tls_trust_file {server.certificate}\ntls_cert_file {certificate}\ntls_key_file {key}\n"
        f"auth external\nuser {carla}\nfrom {carla}\n",
    )
    home.run("msmtp", "-C", "msmtprc", carla, data=b"Subject: by certificate\n\n.\n")
    assert b"by certificate" in server.messages(carla)[0]
    said = home.run(
        "curl", "--silent", "--show-error", "--cacert", server.certificate, "--cert", certificate, "--key", key,
        "--user", f"{carla}:", "--login-options", "AUTH=EXTERNAL",
        f"imaps://{HOST}:{server.ports['imaps']}/INBOX?SUBJECT%20certificate",
    )  # fmt: skip
    assert "* SEARCH 1" in said


def test_openssl_is_asked_for_a_certificate_of_ours(server, authority, carla):
    certificate, key = authority.issue(carla.address)
    done = subprocess.run(
        [
            "openssl", "s_client", "-connect", f"{HOST}:{server.ports['imaps']}", "-CAfile", server.certificate,
            "-cert", certificate, "-key", key, "-crlf", "-ign_eof",
        ],
        input="a1 AUTHENTICATE EXTERNAL =\na2 LOGOUT\n", capture_output=True, text=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert "CN = ours" in done.stdout and "a1 OK" in done.stdout and "a2 OK" in done.stdout


def test_other_certificates_are_as_good_as_none(server, authority, tmp_path, carla):
    strangers = Authority(tmp_path, "ours")
    for files in (None, strangers.issue(carla.address)):
        client = imap(server, files)
        assert "AUTH=EXTERNAL" not in client.capabilities
        with pytest.raises(imaplib.IMAP4.error, match="needs TLS with a certificate"):
            client.authenticate("EXTERNAL", lambda challenge: b"")
        assert client.login(carla.address, carla.password)[0] == "OK"
        client.logout()


def test_who_may_not(server, authority, anna, carla):
    client = imap(server, authority.issue(anna.address))
    with pytest.raises(imaplib.IMAP4.error, match="AUTHORIZATIONFAILED"):
        client.authenticate("EXTERNAL", lambda challenge: b"")
    assert client.login(anna.address, anna.password)[0] == "OK"
    client.logout()
    client = imap(server, authority.issue(carla.address))
    with pytest.raises(imaplib.IMAP4.error, match="AUTHORIZATIONFAILED"):
        client.authenticate("EXTERNAL", lambda challenge: anna.address.encode())
    client.shutdown()
    client = imap(server, authority.issue(f"nobody@{DOMAIN}"))
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.authenticate("EXTERNAL", lambda challenge: b"")
    client.shutdown()


def test_a_file_that_is_no_authority_is_refused(authority, tmp_path):
    server = house.Server(**{"client-ca": str(tmp_path / "ca.pem")})
    try:
        (tmp_path / "ca.pem").write_text("hello\n")
        done = server.command("serve")
        assert done.returncode == 1
        assert "cannot be used: there is no certificate in it" in done.stderr
    finally:
        server.close()
