#!/usr/bin/python3
"""Sends a message with an attachment by submission, reads it by IMAP and by POP3, and compares.

Run by `./try --smoke`; the password comes by standard input. Exits with 1 at the first thing that is wrong.
"""

import argparse
import email
import email.policy
import imaplib
import os
import poplib
import smtplib
import ssl
import sys
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

HOST = "127.0.0.1"
ATTACHMENT_BYTES = 5 * 1024 * 1024
SUBJECT = "Grüße aus Zürich – 你好, мир ✉"
TEXT = "Guten Tag,\n\nanbei die Datei.\n.\n..\nFrom here on: lines that a mail system could damage.\n"
PATIENCE_SECONDS = 30
TIMEOUT_SECONDS = 60


class Wrong(Exception):
    """Something is not as it must be."""


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


def say(text: str) -> None:
    print(f"smoke: {text}", flush=True)


def make_message(options: argparse.Namespace, attachment: bytes) -> EmailMessage:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = options.sender
    message["To"] = options.recipient
    message["Subject"] = SUBJECT
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=options.sender.split("@")[1])
    message.set_content(TEXT)
    message.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="zufällig.bin")
    return message


def send_by_starttls(options: argparse.Namespace, password: str, context: ssl.SSLContext, raw: bytes) -> None:
    with smtplib.SMTP(HOST, options.submission, timeout=TIMEOUT_SECONDS) as client:
        client.starttls(context=context)
        client.login(options.sender, password)
        client.sendmail(options.sender, [options.recipient], raw)
    say(f"sent {len(raw)} bytes by submission with STARTTLS")


def send_by_tls(options: argparse.Namespace, password: str, context: ssl.SSLContext, raw: bytes) -> None:
    with smtplib.SMTP_SSL(HOST, options.submissions, timeout=TIMEOUT_SECONDS, context=context) as client:
        client.login(options.sender, password)
        client.sendmail(options.sender, [options.recipient], raw)
    say(f"sent {len(raw)} bytes by submission with TLS from the first byte")


def read_by_imap(options: argparse.Namespace, password: str, context: ssl.SSLContext, wanted: set) -> dict[str, bytes]:
    """The messages by their Message-ID, as soon as the wanted ones are there."""
    client = imaplib.IMAP4_SSL(HOST, options.imaps, ssl_context=context, timeout=TIMEOUT_SECONDS)
    client.login(options.recipient, password)
    deadline = time.monotonic() + PATIENCE_SECONDS
    status, count = client.select("INBOX", readonly=True)
    expect(status == "OK", "IMAP SELECT INBOX")
    while int(count[-1]) < len(wanted):
        expect(time.monotonic() < deadline, f"IMAP sees {int(count[-1])} of {len(wanted)} messages in time")
        time.sleep(0.2)
        client.noop()
        status, count = client.select("INBOX", readonly=True)
    status, parts = client.fetch("1:*", "(UID RFC822.SIZE BODY.PEEK[])")
    expect(status == "OK", "IMAP FETCH")
    found = {}
    for part in parts:
        if isinstance(part, tuple):
            expect(f"RFC822.SIZE {len(part[1])}".encode() in part[0], "IMAP: RFC822.SIZE is the size")
            found[message_id(part[1])] = part[1]
    client.logout()
    expect(wanted <= set(found), "IMAP shows the messages that were sent")
    return found


def read_by_pop3(options: argparse.Namespace, password: str, context: ssl.SSLContext) -> dict[str, bytes]:
    client = poplib.POP3_SSL(HOST, options.pop3s, context=context, timeout=TIMEOUT_SECONDS)
    client.user(options.recipient)
    client.pass_(password)
    count, total = client.stat()
    found = {}
    size = 0
    for number in range(1, count + 1):
        _, lines, _ = client.retr(number)
        raw = b"".join(line + b"\r\n" for line in lines)
        found[message_id(raw)] = raw
        size += len(raw)
    client.quit()
    expect(size == total, f"POP3 STAT says {total} bytes, RETR gave {size}")
    return found


def message_id(raw: bytes) -> str:
    return str(email.message_from_bytes(raw, policy=email.policy.SMTP)["Message-ID"]).strip()


def check_message(raw: bytes, sent: bytes, attachment: bytes) -> None:
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    expect(message["Subject"] == SUBJECT, f"the subject arrived: {message['Subject']!r}")
    expect(message.get_body().get_content().replace("\r\n", "\n") == TEXT, "the text arrived")
    attachments = [part.get_content() for part in message.iter_attachments()]
    expect(attachments == [attachment], "the attachment is the same byte for byte")
    expect(raw.partition(b"\r\n\r\n")[2] == sent.partition(b"\r\n\r\n")[2], "the body was not touched")
    expect(message["Received"] is not None, "there is a Received field")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for protocol in ("submission", "submissions", "imaps", "pop3s"):
        parser.add_argument(f"--{protocol}", type=int, required=True, metavar="PORT")
    parser.add_argument("--certificate", required=True, help="the server's, trusted in this run")
    parser.add_argument("--sender", required=True)
    parser.add_argument("--recipient", required=True)
    return parser.parse_args()


def smoke(options: argparse.Namespace, password: str) -> None:
    context = ssl.create_default_context(cafile=options.certificate)
    sent = {}
    for send in (send_by_starttls, send_by_tls):
        attachment = os.urandom(ATTACHMENT_BYTES)
        raw = make_message(options, attachment).as_bytes()
        send(options, password, context, raw)
        sent[message_id(raw)] = (raw, attachment)
    by_imap = read_by_imap(options, password, context, set(sent))
    for identity, (raw, attachment) in sent.items():
        check_message(by_imap[identity], raw, attachment)
    say(f"IMAP: {len(by_imap)} messages, subject and text whole, attachments of {ATTACHMENT_BYTES} bytes identical")
    by_pop3 = read_by_pop3(options, password, context)
    expect(by_pop3 == by_imap, "POP3 gives the same messages as IMAP, byte for byte")
    say(f"POP3: {len(by_pop3)} messages, byte for byte those of IMAP")


def main() -> int:
    options = arguments()
    password = sys.stdin.readline().rstrip("\n")
    started = time.monotonic()
    try:
        smoke(options, password)
    except (Wrong, OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto) as error:
        say(f"WRONG: {type(error).__name__}: {error}")
        return 1
    say(f"all is well, {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
