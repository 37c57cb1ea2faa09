"""Milters in a scratch directory: one of the tests' own on Debian's libmilter, rspamd, clamav-milter with clamd, opendkim.

    with OwnMilter() as milter: ... milter.address, milter.notes()
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from server import wait_until

HERE = Path(__file__).resolve().parent


class Milter:
    """Programs that run in the foreground; the last socket that is waited for is the milter's."""

    def __init__(self):
        self.place = Path(tempfile.mkdtemp(prefix="posthorn-milter-", dir="/tmp"))
        self.place.chmod(0o777)
        self.socket = self.place / "milter.sock"
        self.address = f"unix:{self.socket}"
        self.processes = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.place)

    def run(self, *command, waits_for: Path, **options) -> None:
        with (self.place / "output").open("ab") as output:
            process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, cwd=self.place, **options,
            )  # fmt: skip
        self.processes.append(process)

        def there():
            assert process.poll() is None, self.output()
            return waits_for.exists()

        wait_until(f"{command[0]}'s socket", there)

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.processes = []
        self.socket.unlink(missing_ok=True)

    def output(self) -> str:
        return (self.place / "output").read_text(errors="replace")


class OwnMilter(Milter):
    def start(self) -> None:
        self.run("/usr/bin/python3", HERE / "own_milter.py", self.address, self.place / "notes", waits_for=self.socket)
        self.socket.chmod(0o777)

    def notes(self) -> list[dict]:
        path = self.place / "notes"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Rspamd(Milter):
    CONFIGURATION = """
options {{
    pidfile = "{place}/pid";
    dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
    url_tld = "/usr/share/rspamd/effective_tld_names.dat";
    filters = [];
    control_socket = "{place}/control.sock mode=0600";
    max_lua_urls = 10;
}}
logging {{ type = "console"; level = "info"; }}
worker "rspamd_proxy" {{
    bind_socket = "{place}/milter.sock mode=0666";
    milter = yes;
    count = 1;
    timeout = 20s;
    upstream "local" {{ default = yes; self_scan = yes; }}
}}
actions {{ reject = 15; add_header = 6; }}
"""

    def start(self) -> None:
        configuration = self.place / "rspamd.conf"
        configuration.write_text(self.CONFIGURATION.format(place=self.place))
        self.run("/usr/bin/rspamd", "-f", "-c", configuration, "--insecure", waits_for=self.socket)


EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Clamav(Milter):
    """With a database of one signature, since the real ones would have to be downloaded."""

    def start(self) -> None:
        database = self.place / "database"
        database.mkdir(exist_ok=True)
        (database / "own.ndb").write_text(f"Posthorn.Eicar:0:*:{EICAR.encode().hex()}\n")
        clamd = self.place / "clamd.sock"
        (self.place / "clamd.conf").write_text(
            f"LocalSocket {clamd}\nLocalSocketMode 666\nDatabaseDirectory {database}\nForeground yes\nUser clamav\n"
        )
        (self.place / "milter.conf").write_text(
            f"MilterSocket {self.address}\nMilterSocketMode 666\nForeground yes\nUser clamav\nClamdSocket unix:{clamd}\n"
            "OnInfected Reject\nRejectMsg a virus: %v\nAddHeader Replace\n"
        )
        self.run("/usr/sbin/clamd", "-c", self.place / "clamd.conf", waits_for=clamd)
        self.run("/usr/sbin/clamav-milter", "-c", self.place / "milter.conf", waits_for=self.socket)


class OpenDkim(Milter):
    """Signs what our people send."""

    def __init__(self, domain: str, key: bytes):
        super().__init__()
        (self.place / "key.pem").write_bytes(key)
        (self.place / "key.pem").chmod(0o600)
        (self.place / "opendkim.conf").write_text(
            f"Socket local:{self.socket}\nMode s\nDomain {domain}\nSelector milter\nKeyFile {self.place}/key.pem\n"
            "Background no\nUMask 000\nRequireSafeKeys no\nMacroList {daemon_name}|Posthorn\nPidFile /dev/null\n"
            "Canonicalization simple/simple\nOversignHeaders From\n"
        )

    def start(self) -> None:
        self.run("/usr/sbin/opendkim", "-f", "-x", self.place / "opendkim.conf", waits_for=self.socket)
