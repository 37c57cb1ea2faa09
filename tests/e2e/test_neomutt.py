"""neomutt sends, and reads, flags, copies and deletes in an account's folders."""

import os
import pty
import select
import subprocess
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
        f"set certificate_file='{server.certificate}' ssl_force_tls=yes ssl_usesystemcerts=no\n"
        "set sleep_time=0 wait_key=no confirmappend=no confirmcreate=no delete=yes quit=yes move=no beep=no\n"
        "set header_cache= message_cachedir= imap_keepalive=5 timeout=1 mail_check=1 send_charset='utf-8'\n"
        "set index_format='%4C %Z %s' sort=mailbox-order\n",
    )


def at_terminal(home, keys: str) -> str:
    """neomutt at a terminal; it does what the pushed keys say and quits."""
    home.write("push", f"push '{keys}'\n")
    environment = {**os.environ, "HOME": str(home.directory), "TERM": "vt100", "LC_ALL": "C.UTF-8"}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        ["neomutt", "-n", "-F", "muttrc", "-e", "source push"], stdin=slave, stdout=slave, stderr=slave,
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
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(master)
    return shown.decode(errors="replace")


def test_sends_with_attachment_and_files_a_copy(server, home, anna, bert):
    configure(server, home, anna)
    attachment = home.write("Anhang.txt", "Zeile\n" * 1000)
    home.run(
        "neomutt", "-n", "-F", "muttrc", "-s", "Grüße aus Zürich", "-a", attachment, "--", bert, data="Hallo Bert,\n.\n".encode()
    )
    received = server.messages(bert)[0]
    assert b"=?utf-8?" in received.lower() and b"Anhang.txt" in received
    kept = server.messages(anna, 1, "Sent")[0]
    assert received.partition(b"\r\nContent-Type: multipart/mixed")[2][-500:] == kept[-500:]


def test_reads_flags_copies_and_deletes(server, home, anna):
    configure(server, home, anna)
    for number in range(4):
        server.deliver(anna, make_raw(subject=f"number {number}"))
    server.messages(anna, 4)
    shown = at_terminal(home, "<first-entry><flag-message><last-entry><delete-message><sync-mailbox><quit>")
    assert "number 0" in shown and "number 3" in shown
    wait_until("the deletion", lambda: server.count(anna) == 3)
    with server.imap(anna, "INBOX", readonly=True) as client:
        assert client.search(None, "FLAGGED") == ("OK", [b"1"])
    at_terminal(home, "<first-entry><next-entry><copy-message>+Archive<enter><save-message>+Trash<enter><quit>")
    wait_until("the copy", lambda: server.count(anna, "Archive") == 1)
    wait_until("the move", lambda: server.count(anna) == 2)
    assert b"number 1" in server.messages(anna, 1, "Trash")[0]
