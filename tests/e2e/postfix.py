"""Debian's Postfix in a scratch directory on a loopback address of its own.

    with Postfix("peer.example", "127.0.0.9", people=["max"]) as postfix: ... postfix.port, postfix.mail("max")

It takes mail for the people of its domain into Maildirs, and sends what it is given to where `relay_to` says.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from server import free_ports, wait_until

DAEMONS = "/usr/lib/postfix/sbin"

MAIN = """compatibility_level = 3.6
myhostname = mx.{domain}
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
queue_directory = {place}/queue
data_directory = {place}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {place}/log
maillog_file_prefixes = {place}
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = inline:{{{people}}}
virtual_mailbox_base = {place}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_minimum_uid = 1
message_size_limit = 60000000
virtual_mailbox_limit = 0
smtpd_tls_cert_file = {place}/cert.pem
smtpd_tls_key_file = {place}/key.pem
smtpd_tls_security_level = may
smtp_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_recipient_restrictions = reject_unauth_destination
smtp_dns_support_level = disabled
minimal_backoff_time = 1s
queue_run_delay = 1s
"""

MASTER = """{host}:{port} inet n - n - - smtpd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    SCRATCH = "/tmp"  # where its directory is made
    def __init__(self, domain: str, host: str, people: list[str], **settings: str):
        self.domain, self.host, self.people = domain, host, people
        self.settings = settings
        self.relay_to = ""  # "[127.0.0.1]:2525", for what is not of its domain
        self.port = free_ports(1)[0]
        self.place = Path(tempfile.mkdtemp(prefix="posthorn-postfix-", dir=self.SCRATCH))
        self.place.chmod(0o755)
        owner = pwd.getpwnam("postfix")
        for name in ("queue", "data", "mail"):
            (self.place / name).mkdir()
        for name in ("data", "mail"):
            os.chown(self.place / name, owner.pw_uid, owner.pw_gid)
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-keyout", self.place / "key.pem", "-out", self.place / "cert.pem", "-subj", f"/CN=mx.{domain}",
            ],
            check=True, capture_output=True,
        )  # fmt: skip

    def configure(self) -> None:
        owner = pwd.getpwnam("postfix")
        table = ", ".join(f"{{ {name}@{self.domain} = {name}/ }}" for name in self.people)
        main = MAIN.format(domain=self.domain, place=self.place, daemons=DAEMONS, people=table, uid=owner.pw_uid)
        main += f"relayhost = {self.relay_to}\n" + "".join(f"{key} = {value}\n" for key, value in self.settings.items())
        (self.place / "main.cf").write_text(main)
        (self.place / "master.cf").write_text(MASTER.format(host=self.host, port=self.port))

    def run(self, *words: str, **options) -> subprocess.CompletedProcess:
        done = subprocess.run([*words], capture_output=True, text=True, **options)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}{done.stdout}{self.log()}"
        return done

    def __enter__(self) -> "Postfix":
        self.configure()
        self.run("postfix", "-c", str(self.place), "start")
        return self

    def __exit__(self, *_) -> None:
        self.run("postfix", "-c", str(self.place), "stop")
        shutil.rmtree(self.place)

    def log(self) -> str:
        file = self.place / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def mail(self, name: str, count: int = 1) -> list[bytes]:
        """What has come for this person, as soon as there is so much; more is wrong."""
        new = self.place / "mail" / name / "new"
        wait_until(f"{count} messages at {name}@{self.domain}", lambda: new.exists() and len(list(new.iterdir())) >= count)
        found = [file.read_bytes() for file in sorted(new.iterdir())]
        assert len(found) == count
        return found

    def send(self, sender: str, recipients: list[str], raw: bytes, *options: str) -> None:
        """Into its queue, by its own sendmail."""
        subprocess.run(
            ["/usr/sbin/sendmail", "-C", str(self.place), "-i", "-f", sender, *options, *recipients],
            input=raw, check=True, capture_output=True,
        )  # fmt: skip
