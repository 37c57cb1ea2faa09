"""The servers that mail is moved in from: Debian's dovecot with Maildirs, and scripts that say what they are told to."""

import imaplib
import os
import pwd
import shutil
import socket
import ssl
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from server import HOST, free_ports, is_root

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "differential"))
from dovecot import PASSWORD, Dovecot  # noqa: E402


class OldServer(Dovecot):
    """With TLS, and Maildirs that a test may fill by hand."""

    def __init__(self, certificate: Path, key: Path):
        self.certificate = certificate
        self.key = key
        self.tls_port = free_ports(1)[0]
        super().__init__()

    def configuration(self) -> str:
        text = super().configuration()
        text = text.replace("ssl = no", f"ssl = yes\nssl_cert = <{self.certificate}\nssl_key = <{self.key}")
        text = text.replace("sdbox:~/mail", "maildir:~/Maildir").replace("  separator = /\n", "  separator = .\n")
        return text.replace("port = 0", f"port = {self.tls_port}\n    ssl = yes\n    address = {HOST}", 1)  # imaps

    def source(self, user: str) -> str:
        return f"imap://{user}@{HOST}:{self.port}"

    def maildir(self, user: str, folder: str = "") -> Path:
        """Of a user that is made here if need be."""
        path = self.directory / "home" / user / "Maildir"
        if folder:
            path = path / f".{folder}"
        for part in ("cur", "new", "tmp"):
            (path / part).mkdir(parents=True, exist_ok=True)
        self.own(self.directory / "home" / user)
        return path

    def own(self, path: Path) -> None:
        if is_root():
            owner = pwd.getpwnam("mail")
            for place in [path, *path.rglob("*")]:
                os.chown(place, owner.pw_uid, owner.pw_gid)

    def fill(self, user: str, count: int, folder: str = "", first: int = 0, flags: str = "") -> None:
        path = self.maildir(user, folder)
        for number in range(first, first + count):
            name = f"{1700000000 + number}.M1P1.old:2,{flags if flags != 'mixed' else ['', 'S', 'RS', 'F', 'DS'][number % 5]}"
            file = path / "cur" / name
            file.write_bytes(message(number, folder).replace(b"\r\n", b"\n"))
            os.utime(file, (1600000000 + number, 1600000000 + number))
        self.own(path)

    def client(self, user: str) -> imaplib.IMAP4:
        client = imaplib.IMAP4(HOST, self.port)
        client.login(user, PASSWORD)
        return client


def message(number: int, folder: str = "") -> bytes:
    return (
        f"From: Someone <s{number}@old.example>\r\nTo: anna@old.example\r\nSubject: Number {number} of {folder}\r\n"
        f"Message-ID: <{folder}.{number}@old.example>\r\nDate: Sun, 22 Nov 2020 10:00:00 +0000\r\n\r\n"
        + f"Line {number}\r\n" * (number % 50 + 1)
    ).encode()


@contextmanager
def running_old_server(certificate: Path, key: Path):
    old = OldServer(certificate, key)
    try:
        old.start()
        yield old
    finally:
        old.close()


class Script:
    """A server that answers with what its test says: `talk` gets a file of the connection."""

    def __init__(self, talk):
        self.talk = talk
        self.socket = socket.create_server((HOST, 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb", buffering=0) as file:
                try:
                    self.talk(file)
                except OSError:
                    pass

    def close(self) -> None:
        self.socket.close()
