"""neomutt sends, and reads, flags, copies and deletes in an account's folders."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from server import HOST, PATIENCE_SECONDS, make_raw, wait_until


def configure(server, home, account) -> None:
    home.write(
        "muttrc",
        f"set from='{account}' realname='Anna' use_from=yes envelope_from=yes\n"
        f"set imap_user='{account}' imap_pass='{account.password}' imap_authenticators='plain'\n"
        f"set folder='imaps://{HOST}:{server.ports['imaps']}/' spoolfile=+INBOX record=+Sent postponed=+Drafts\n"
        f"set smtp_url='smtps://{account.name}%40{account.domain}@{HOST}:{server.ports['submissions']}'\n"
        f"set smtp_pass='{account.password}' smtp_authenticators='plain'\n"
        f"set certificate_file='{server.certificate}' ssl_force_tls=yes\n"
        "set sleep_time=0 wait_key=no confirmappend=no confirmcreate=no delete=yes quit=yes move=no beep=no\n"
        "set header_cache= message_cachedir= imap_keepalive=5 timeout=1 mail_check=1 send_charset='utf-8'\n"
        "set autoedit=yes fast_reply=yes edit_headers=no abort_nosubject=no abort_unmodified=no editor='./editor'\n"
        "set index_format='%4C %Z %s' sort=mailbox-order\n",
    )


def at_terminal(home, arguments: list, awaited: bytes = b"", typed: bytes = b"") -> None:
    """neomutt at a terminal until it quits; when it has shown what is awaited, this is typed."""
    environment = {**os.environ, "HOME": str(home.directory), "TERM": "vt100", "LC_ALL": "C.UTF-8"}
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        ["neomutt", "-n", "-F", "muttrc", *map(str, arguments)], stdin=slave, stdout=slave, stderr=slave,
        env=environment, cwd=home.directory, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    end = time.monotonic() + PATIENCE_SECONDS
    try:
        while process.poll() is None:
            assert time.monotonic() < end, f"neomutt did not quit; it shows:\n{shown.decode(errors='replace')}"
            if select.select([master], [], [], 0.1)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:
                    break
            if typed and awaited in shown:
                os.write(master, typed)
                typed = b""
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)


def do(home, keys: str) -> None:
    """In the Inbox; it must end with <quit>."""
    home.write("push", f"push '{keys}'\n")
    at_terminal(home, ["-e", "source push"])


def test_sends_from_a_script(server, home, anna, bert):
    configure(server, home, anna)
    attachment = home.write("Anhang.txt", "Zeile\n" * 1000)
    command = ("neomutt", "-n", "-F", "muttrc", "-s", "Grüße aus Zürich", "-a", attachment, "--", bert)
    home.run(*command, data="Hallo Bert,\n.\n".encode())
    received = server.messages(bert)[0]
    assert b"Subject: =?utf-8?" in received and b"Anhang.txt" in received


def test_sends_from_a_terminal_and_files_a_copy(server, home, anna, bert):
    configure(server, home, anna)
    home.write("editor", "#!/bin/sh\necho 'Hallo Bert' >\"$1\"\n")
    at_terminal(home, ["-s", "Grüße aus Zürich", bert], awaited=b"Security:", typed=b"y")
    received = server.messages(bert)[0]
    kept = server.messages(anna, 1, "Sent")[0]
    for message in (received, kept):
        assert b"Subject: =?utf-8?" in message and message.endswith(b"\r\n\r\nHallo Bert\r\n")


def test_reads_flags_copies_and_deletes(server, home, anna):
    configure(server, home, anna)
    for number in range(4):
        server.deliver(anna, make_raw(subject=f"number {number}"))
    server.messages(anna, 4)
    home.write("keep", "#!/bin/sh\ncat >>kept\n")
    read = "<first-entry><pipe-message>./keep<enter><last-entry><pipe-message>./keep<enter>"
    do(home, f"{read}<first-entry><flag-message><last-entry><delete-message><sync-mailbox><quit>")
    kept = (home.directory / "kept").read_text()
    assert "Subject: number 0" in kept and "Subject: number 3" in kept and kept.count("A line.") == 2
    wait_until("the deletion", lambda: server.count(anna) == 3)
    with server.imap(anna, "INBOX", readonly=True) as client:
        assert client.search(None, "FLAGGED") == ("OK", [b"1"])
    do(home, "<first-entry><copy-message>+Archive<enter><next-entry><save-message>+Trash<enter><sync-mailbox><quit>")
    wait_until("the copy", lambda: server.count(anna, "Archive") == 1)
    wait_until("the move", lambda: server.count(anna) == 2)
    assert b"number 1" in server.messages(anna, 1, "Trash")[0]
