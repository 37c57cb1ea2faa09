"""IMAP's QUOTA (RFC 9208) with Python's imaplib: a person sees the limits, a domain's administrator sets them."""

import re

from server import DOMAIN, make_raw


def quota(client, root) -> dict:
    status, data = client.getquota(str(root))
    assert status == "OK", data
    words = re.fullmatch(rb".* \((.*)\)", data[0]).group(1).decode().split()
    return {name: (int(used), int(limit)) for name, used, limit in zip(words[::3], words[1::3], words[2::3])}


def test_person_sees_use_and_limits(server):
    anna = server.account("anna", "--quota", "2M")
    server.admin("account", "set", str(anna), "--messages", "10")
    with server.imap(anna) as client:
        assert client.getquotaroot("INBOX") == (
            "OK",
            [[f'"INBOX" {anna}'.encode()], [f"{anna} (STORAGE 0 2048 MESSAGE 0 10)".encode()]],
        )
        assert client.append("INBOX", r"(\Deleted)", None, make_raw(body="x" * 5000))[0] == "OK"
        used = quota(client, anna)
        assert 5 <= used["STORAGE"][0] <= 7 and used["MESSAGE"] == (1, 10)
        status, data = client.status("INBOX", "(DELETED DELETED-STORAGE SIZE)")
        figures = re.search(rb"DELETED 1 DELETED-STORAGE (\d+)\)", data[0]) or re.search(rb"SIZE (\d+) DELETED 1", data[0])
        assert status == "OK" and 5000 < int(figures.group(1)) < 7000
        client.append("INBOX", None, None, make_raw(body="x\r\n" * 600_000))
        status, data = client.append("INBOX", None, None, make_raw(body="x\r\n" * 600_000))
        assert status == "NO" and b"OVERQUOTA" in data[0]
        assert client.getquotaroot("Nowhere")[0] == "NO"


def test_limits_of_others_look_like_nothing(server, anna, bert):
    with server.imap(anna) as client:
        there = client.getquota(str(bert))
        assert there == client.getquota(f"nobody@{DOMAIN}") and there[0] == "NO"
        assert client.setquota(str(bert), "(STORAGE 1)") == there
        status, data = client.setquota(str(anna), "(STORAGE 100000000)")
        assert status == "NO" and b"NOPERM" in data[0]


def test_administrator_sets_limits_that_hold_at_once(server, anna, bert):
    assert server.rows("domain", "administrator", DOMAIN, "--add", str(anna)) == [{"address": str(anna)}]
    with server.imap(anna) as client, server.imap(bert, "INBOX") as other:
        assert client.setquota(str(bert), "(STORAGE 1 MESSAGE 7)")[0] == "OK"
        assert quota(client, bert) == quota(other, bert) == {"STORAGE": (0, 1), "MESSAGE": (0, 7)}
        assert other.append("INBOX", None, None, make_raw(body="x" * 5000))[0] == "NO"
        row = server.rows("account", "show", str(bert))[0]
        assert (row["quota"], row["messages_max"]) == (1024, 7)
        # what is not named goes back to the plan
        assert client.setquota(str(bert), "(MESSAGE 8)")[0] == "OK"
        assert quota(client, bert) == {"STORAGE": (0, (10 << 30) // 1024), "MESSAGE": (0, 8)}
        assert other.append("INBOX", None, None, make_raw(body="x" * 5000))[0] == "OK"
        for wrong in ("(STORAGE 0)", "(BEANS 5)", "(STORAGE 9223372036854775807)"):
            assert client.setquota(str(bert), wrong)[0] == "NO"
    assert server.rows("domain", "administrator", DOMAIN, "--remove", str(anna)) == []
    with server.imap(anna) as client:
        assert client.getquota(str(bert))[0] == "NO"


def test_administrator_has_to_be_an_account(server):
    done = server.command("domain", "administrator", DOMAIN, "--add", f"nobody@{DOMAIN}")
    assert done.returncode == 2 and f"there is no account nobody@{DOMAIN}" in done.stderr
