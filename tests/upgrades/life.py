"""What a data directory holds, as its owners see it: asked of the program that wrote it, and of the one that came after.

A life is what tests/upgrades/make lets happen on a server; `seen` is the picture that must not change with an upgrade.
"""

import hashlib
import imaplib
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import server as house
from server import DOMAIN, Account, Server, make_raw, wait_until

ACCOUNTS = ("anna", "bert")
WORD = "Birnbaum"  # stands in some messages
# What the life tries besides; older programs don't know all of it.
COMMANDS = (
    ("alias", "add", f"info@{DOMAIN}", f"anna@{DOMAIN}"),
    ("account", "set", f"bert@{DOMAIN}", "--quota", "2G"),
    ("account", "set", f"anna@{DOMAIN}", "--undelete-keep", "30d"),
    ("group", "add", f"team@{DOMAIN}", f"anna@{DOMAIN}", f"bert@{DOMAIN}"),
    ("domain", "dkim", DOMAIN, "add"),
    ("plan", "add", "small", "--doors", "pop3,submission", "--quota", "100M"),
    ("queue", "hold", f"bert@{DOMAIN}"),
    ("queue", "release", f"bert@{DOMAIN}"),
)
ASKED = {"search": ("BODY", WORD), "sort": ("(FROM SUBJECT)", "UTF-8", "ALL"), "thread": ("REFERENCES", "UTF-8", "ALL")}


def accounts() -> dict[str, Account]:
    return {name: Account(f"{name}@{DOMAIN}", f"the pass word of {name}") for name in ACCOUNTS}


def live(server: Server) -> list[tuple]:
    """Returns the commands that the program knew."""
    server.admin("domain", "add", DOMAIN)
    people = accounts()
    for person in people.values():
        server.admin("account", "add", person.address, password=person.password)
    known = [words for words in COMMANDS if server.command(*words).returncode == 0]
    for number in range(4):
        body = f"{WORD if number % 2 else 'Apfel'}baum {number}\r\n"
        for person in people.values():
            raw = make_raw(f"Delivered {number}", body, str(person), f"{number}@{person.name}.example")
            server.deliver(person, with_attachment(raw) if number == 3 else raw)
    for person in people.values():
        server.messages(person, 4)
    keep_folders(server, people["anna"])
    with server.smtp(people["bert"]) as client:
        raw = make_raw("To the world", "Far away.\r\n").replace(b"someone@elsewhere.example", b"bert@demo.example", 1)
        client.mail("bert@demo.example")
        if client.rcpt("friend@elsewhere.example")[0] == 250:
            client.data(raw)
    client = server.pop3(people["bert"])
    client.retr(1)
    client.dele(2)
    client.quit()
    return known


def with_attachment(raw: bytes) -> bytes:
    header, body = raw.split(b"\r\n\r\n", 1)
    return (
        header + b'\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\n' + body
        + b"--b\r\nContent-Type: application/octet-stream; name=large\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + (b"QmlybmJhdW0" * 6 + b"\r\n") * 500 + b"--b--\r\n"
    )  # fmt: skip


def keep_folders(server: Server, person: Account) -> None:
    with server.imap(person, "INBOX") as client:
        for number, flags in enumerate([r"(\Seen)", r"(\Flagged $Work)", r"(\Answered Wichtig)"]):
            raw = make_raw(f"Put {number}", f"{WORD}\r\n", identity=f"put{number}@client.example")
            raw = raw.replace(b"From: Someone", b"From: =?utf-8?q?Andr=C3=A9?=", 1)
            client.append("INBOX", flags, '"01-Nov-2026 10:00:00 +0100"', raw)
        for folder in ("Archive/2026", "&AMQ-pfel"):
            assert client.create(folder)[0] in ("OK", "NO")  # Archive may be there
            client.subscribe(folder)
        client.copy("1:2", "&AMQ-pfel")
        client.copy("3", "Archive/2026")
        client.store("3", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.store("1", "+FLAGS", r"(\Seen $Forwarded)")


def answer(client: imaplib.IMAP4, what: str, words: tuple) -> str | None:
    """None: this program does not know how."""
    try:
        status, data = client.uid(what, *words)
    except imaplib.IMAP4.error:
        return None
    assert status == "OK", data
    return data[0].decode()


def folder_seen(client: imaplib.IMAP4, folder: str) -> dict:
    status, data = client.select(folder, readonly=True)
    assert status == "OK", data
    picture = {"messages": {}}
    for what in ("UIDVALIDITY", "UIDNEXT"):
        picture[what] = int(client.response(what)[1][0])
    if data[0] == b"0":
        return picture
    status, parts = client.uid("fetch", "1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
    assert status == "OK", parts
    for part in parts:
        text = part if isinstance(part, bytes) else b"".join(part)
        flags = sorted(set(re.search(rb"FLAGS \(([^)]*)\)", text).group(1).decode().split()) - {r"\Recent"})
        rest = re.sub(rb"^\d+ |UID \d+ |FLAGS \([^)]*\) ?", b"", text)
        picture["messages"][re.search(rb"UID (\d+)", text).group(1).decode()] = [flags, rest.decode()]
    for uid, row in picture["messages"].items():
        status, parts = client.uid("fetch", uid, "(BODY.PEEK[])")
        row.append(hashlib.sha256(parts[0][1]).hexdigest())
    for what, words in ASKED.items():
        picture[what] = answer(client, what, words)
    return picture


def account_seen(server: Server, person: Account) -> dict:
    picture = {}
    with server.imap(person) as client:
        status, rows = client.list()
        assert status == "OK", rows
        for row in sorted(rows):
            name = re.search(rb' "?([^" ]+)"?$', row).group(1).decode()
            if b"\\Noselect" not in row:
                picture[name] = folder_seen(client, name)
        picture["subscribed"] = sorted(row.decode() for row in client.lsub()[1] if row)
    client = server.pop3(person)
    picture["uidl"] = sorted(row.decode() for row in client.uidl()[1])
    client.quit()
    return picture


def seen(server: Server) -> dict:
    """As plain data, to be compared."""
    picture = {person.address: account_seen(server, person) for person in accounts().values()}
    for what in ("account", "alias", "domain"):
        key = "domain" if what == "domain" else "address"
        picture[what] = sorted(row[key] for row in server.rows(what, "list"))
    picture["queue"] = [row["recipients"] for row in server.rows("queue", "list")]
    return picture
