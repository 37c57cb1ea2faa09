"""Senders and readers for the command line: swaks, curl, msmtp."""

import re

import pytest

from server import HOST, make_raw


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("protocol", ["submission", "submissions"])
def test_swaks_sends(server, home, anna, bert, mechanism, protocol):
    said = home.run(
        "swaks", "--server", f"{HOST}:{server.ports[protocol]}",
        "--tls" if protocol == "submission" else "--tls-on-connect", "--tls-verify", "--tls-ca-path", server.certificate,
        "--auth", mechanism, "--auth-user", anna, "--auth-password", anna.password,
        "--from", anna, "--to", bert, "--header", "Subject: from swaks", "--attach-type", "text/plain",
        "--attach", f"@{server.certificate}",
    )  # fmt: skip
    assert "235 2.7.0" in said
    assert b"Subject: from swaks" in server.messages(bert)[0]


def test_swaks_is_told_no(server, home, anna):
    said = home.run(
        "swaks", "--server", f"{HOST}:{server.ports['smtp']}", "--from", "a@b.example", "--to", "c@d.example", good=(24,)
    )
    assert "550 5.7.1" in said


def test_swaks_speaks_lmtp_and_pipelines(server, home, anna):
    home.run("swaks", "--socket", server.lmtp_path, "--protocol", "LMTP", "--from", "a@b.example", "--to", anna)
    home.run("swaks", "--server", f"{HOST}:{server.ports['smtp']}", "--pipeline", "--from", "a@b.example", "--to", anna)
    server.messages(anna, 2)


def curl(server, home, account, *words, data: bytes = b"") -> str:
    return home.run(
        "curl", "--silent", "--show-error", "--max-time", "60", "--cacert", server.certificate,
        "--user", f"{account}:{account.password}", *words, data=data,
    )  # fmt: skip


def test_curl_sends_and_reads(server, home, anna, bert):
    raw = make_raw(body="from curl\r\n.\r\n")
    url = f"smtps://{HOST}:{server.ports['submissions']}/client.example"
    curl(server, home, anna, url, "--mail-from", anna, "--mail-rcpt", bert, "--upload-file", "-", data=raw)
    received = server.messages(bert)[0]
    assert received.endswith(raw)
    imap = f"imaps://{HOST}:{server.ports['imaps']}"
    pop3 = f"pop3s://{HOST}:{server.ports['pop3s']}"
    for url in (f"{imap}/INBOX;MAILINDEX=1", f"{pop3}/1"):
        home.run(
            "curl", "--silent", "--show-error", "--cacert", server.certificate, "--output", "received",
            "--user", f"{bert}:{bert.password}", url,
        )  # fmt: skip
        assert (home.directory / "received").read_bytes() == received
    assert re.search(r"^1 \d+", curl(server, home, bert, f"{pop3}/"), re.MULTILINE)
    assert "INBOX" in curl(server, home, bert, f"{imap}/")
    assert "* SEARCH 1" in curl(server, home, bert, f"{imap}/INBOX?SUBJECT%20Hello")


def test_curl_uploads_to_a_folder(server, home, anna):
    raw = make_raw(body="kept\r\n")
    home.write("raw", "").write_bytes(raw)
    url = f"imaps://{HOST}:{server.ports['imaps']}/Drafts"
    curl(server, home, anna, url, "--upload-file", home.directory / "raw")
    assert server.messages(anna, 1, "Drafts") == [raw]


@pytest.mark.parametrize("mechanism", ["plain", "login", "scram-sha-256", "scram-sha-1"])
def test_msmtp_sends(server, home, anna, bert, mechanism):
    home.write(
        "msmtprc",
        f"account default\nhost {HOST}\nport {server.ports['submission']}\ntls on\ntls_starttls on\n"
        f"tls_trust_file {server.certificate}\nauth {mechanism}\nuser {anna}\npassword {anna.password}\nfrom {anna}\n",
    )
    raw = make_raw(to=bert.address).replace(b"\r\n", b"\n")
    home.run("msmtp", "-C", "msmtprc", "--dsn-notify=failure", "-t", data=raw)
    assert raw.split(b"\n\n")[1].strip() in server.messages(bert)[0]


def test_msmtp_with_a_wrong_password_is_told_so(server, home, anna, bert):
    home.write(
        "msmtprc",
        f"account default\nhost {HOST}\nport {server.ports['submissions']}\ntls on\ntls_starttls off\nsource_ip 127.0.0.21\n"
        f"tls_trust_file {server.certificate}\nauth scram-sha-256\nuser {anna}\npassword wrong\nfrom {anna}\n",
    )
    said = home.run("msmtp", "-C", "msmtprc", bert, data=make_raw(), good=(77,))
    assert "535" in said or "authentication failed" in said
