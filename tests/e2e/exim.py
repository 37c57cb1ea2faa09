"""Debian's Exim, as tests/install-deps unpacks it, in a scratch directory on a loopback address of its own.

    exim = Exim("exim.example", "127.0.0.8", 2525, people=["max"]); with exim: ... exim.port, exim.mail("max")

It takes mail for the people of its domain into Maildirs, and sends the rest to `relay_to`.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from server import wait_until

PROGRAM = Path(__file__).resolve().parents[2] / "build-peers/exim4-daemon-light/usr/sbin/exim4"

USER = "Debian-exim"  # built into the program

CONFIGURATION = """exim_path = {program}
exim_user = {user}
exim_group = {user}
spool_directory = {place}/spool
log_file_path = {place}/%slog
primary_hostname = mx.{domain}
local_interfaces = {host}
host_lookup =
rfc1413_query_timeout = 0s
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = {place}/both.pem
message_size_limit = 60M
trusted_users = root
keep_environment =
log_selector = +tls_cipher
acl_smtp_rcpt = recipient
acl_smtp_data = accept

begin acl
recipient:
  deny domains = {domain}
       message = no such person here
       !local_parts = {people}
  accept

begin routers
here:
  driver = accept
  domains = {domain}
  local_parts = {people}
  transport = maildir
onward:
  driver = manualroute
  route_list = * {relay_host}
  self = send
  transport = smtp

begin transports
maildir:
  driver = appendfile
  directory = {place}/mail/$local_part_data
  maildir_format
  user = {user}
smtp:
  driver = smtp
  port = {relay_port}
  tls_verify_hosts =
  tls_try_verify_hosts =
  allow_localhost
  dnssec_request_domains =
  hosts_try_dane =

begin retry
* * F,1h,1s
"""


class Exim:
    def __init__(self, domain: str, host: str, port: int, people: list[str]):
        self.domain, self.host, self.people = domain, host, people
        self.port = port
        self.relay_to = (host, self.port)
        self.place = Path(tempfile.mkdtemp(prefix="posthorn-exim-", dir="/tmp"))
        self.place.chmod(0o755)
        if subprocess.run(["id", USER], capture_output=True).returncode != 0:
            subprocess.run(
                ["adduser", "--quiet", "--system", "--group", "--no-create-home", "--home", "/nonexistent", "--force-badname", USER],
                check=True,
            )  # fmt: skip
        owner = pwd.getpwnam(USER)
        for name in ("spool", "mail"):
            (self.place / name).mkdir()
            os.chown(self.place / name, owner.pw_uid, owner.pw_gid)
        both = self.place / "both.pem"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-keyout", self.place / "key.pem", "-out", both, "-subj", f"/CN=mx.{domain}",
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        both.write_text(both.read_text() + (self.place / "key.pem").read_text())
        for path in (self.place, both):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def __enter__(self) -> "Exim":
        relay_host, relay_port = self.relay_to
        configuration = self.place / "exim.conf"
        configuration.write_text(
            CONFIGURATION.format(
                program=PROGRAM, user=USER, place=self.place, domain=self.domain, host=self.host, people=" : ".join(self.people),
                relay_host=relay_host, relay_port=relay_port,
            )
        )  # fmt: skip
        command = [str(PROGRAM), "-C", str(configuration), "-bdf", "-q1s", "-oX", str(self.port), "-oP", str(self.place / "pid")]
        with (self.place / "output").open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

        def listens() -> bool:
            assert self.process.poll() is None, (self.place / "output").read_text() + self.log()
            return "daemon started" in self.log()

        wait_until("exim", listens)
        return self

    def __exit__(self, *_) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.place)

    def log(self) -> str:
        return "".join(file.read_text(errors="replace") for file in sorted(self.place.glob("*log")))

    def mail(self, name: str, count: int = 1) -> list[bytes]:
        """What has come for this person, as soon as there is so much; more is wrong."""
        new = self.place / "mail" / name / "new"
        wait_until(f"{count} messages at {name}@{self.domain}", lambda: new.exists() and len(list(new.iterdir())) >= count)
        found = [file.read_bytes() for file in sorted(new.iterdir())]
        assert len(found) == count
        return found
