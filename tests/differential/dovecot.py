"""Debian's dovecot in a scratch directory, with a configuration of its own and accounts that need no setting up.

As root its processes are dropped to the users that the packages made; else all runs as whoever calls.
"""

import getpass
import grp
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from server import HOST, free_ports, is_root, wait_until

PASSWORD = "secret"
# The same mailboxes that an account of Posthorn has from the first.
SPECIAL = {"Sent": "Sent", "Drafts": "Drafts", "Trash": "Trash", "Junk": "Junk", "Archive": "Archive"}


class Dovecot:
    def __init__(self, scratch: str = "/tmp", settings: str = ""):
        """settings: more of its configuration, which overrides ours."""
        self.directory = Path(tempfile.mkdtemp(prefix="dovecot-", dir=scratch))
        self.directory.chmod(0o755)
        self.port, self.pop3_port = free_ports(2)
        self.process = None
        self.log_file = self.directory / "log"
        homes = self.directory / "home"
        homes.mkdir()
        if is_root():
            shutil.chown(homes, "mail", "mail")
        self.config = self.directory / "dovecot.conf"
        self.config.write_text(self.configuration() + settings.replace("{directory}", str(self.directory)))

    def configuration(self) -> str:
        if is_root():
            owner = pwd.getpwnam("mail")
            users = ""
        else:
            owner = pwd.getpwuid(os.geteuid())
            name = getpass.getuser()
            users = f"default_internal_user = {name}\ndefault_internal_group = {grp.getgrgid(owner.pw_gid).gr_name}\n"
            users += f"default_login_user = {name}\nservice anvil {{\n  chroot =\n}}\nservice imap-login {{\n  chroot =\n}}\nservice pop3-login {{\n  chroot =\n}}\n"
        mailboxes = "".join(
            f"  mailbox {name} {{\n    special_use = \\{use}\n    auto = subscribe\n  }}\n" for name, use in SPECIAL.items()
        )
        return f"""
base_dir = {self.directory}/run
state_dir = {self.directory}/state
log_path = {self.log_file}
protocols = imap pop3
listen = {HOST}
ssl = no
disable_plaintext_auth = no
mail_location = sdbox:~/mail
mail_fsync = never
mailbox_list_index = yes
first_valid_uid = 0
import_environment = TZ
mail_max_userip_connections = 1000
imap_hibernate_timeout = 0
{users}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={owner.pw_uid} gid={owner.pw_gid} home={self.directory}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
{mailboxes}}}
service imap-login {{
  inet_listener imap {{
    address = {HOST}
    port = {self.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
  service_count = 0
}}
service imap {{
  service_count = 0
  process_limit = 1000
}}
service pop3-login {{
  inet_listener pop3 {{
    address = {HOST}
    port = {self.pop3_port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  service_count = 0
}}
service pop3 {{
  service_count = 0
  process_limit = 1000
}}
"""

    def start(self) -> None:
        self.process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(self.config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "TZ": "UTC"},
        )  # fmt: skip

        def ready():
            assert self.process.poll() is None, f"dovecot ended:\n{self.log()}"
            return self.log_file.exists() and "starting up" in self.log()

        wait_until("dovecot", ready)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)
        shutil.rmtree(self.directory, ignore_errors=True)


@contextmanager
def running_dovecot():
    dovecot = Dovecot()
    try:
        dovecot.start()
        yield dovecot
    finally:
        dovecot.close()
