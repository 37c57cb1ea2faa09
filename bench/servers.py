"""The servers that are measured, each in a scratch directory of its own, and what the programs here share."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "differential")]
import dovecot  # noqa: E402
import postfix  # noqa: E402

BUILD = ROOT / "build-release"
LOAD = BUILD / "bench" / "posthorn-load"
DOMAIN = "bench.example"
USERS = ("posthorn", "posthorn-edge", "posthorn-relay")
DOORS = ("smtp", "submission", "imap", "imaps", "pop3", "pop3s")
PASSWORD = "bench-password-1"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def build():
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "run.log", "w") as log:
        if not (BUILD / "build.ninja").exists():
            run("meson", "setup", BUILD, "--buildtype=release", cwd=ROOT, stdout=log)
        run("ninja", "-j2", "-C", BUILD, "posthorn", "bench/posthorn-load", cwd=ROOT, stdout=log)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Measured:
    """A server that posthorn-load drives: `ports` by door, `process` the root of its process tree."""

    name = "server"
    password = PASSWORD
    others = ()  # more processes of it, that are no children of `process`

    def url(self, door, scheme=None):
        return f"{scheme or door}://127.0.0.1:{self.ports[door]}"

    def restart(self):
        self.stop()
        self.start()

    def remove(self):
        """What it left on disk, where nobody else does."""

    def load(self, command, *options):
        """One run of posthorn-load; its figures by name."""
        pids = ",".join(str(pid) for pid in (self.process.pid, *self.others))
        done = run(LOAD, command, "--user", f"user%d@{DOMAIN}", "--password", self.password, "--pid", pids, "--json",
                   *options, stdout=subprocess.PIPE, text=True)
        return {name: figure["value"] for name, figure in json.loads(done.stdout)["figures"].items()}


class Server(Measured):
    """Posthorn in a scratch directory, with accounts user1 to userN."""

    name = "posthorn"

    def __init__(self, directory, binary):
        self.directory = pathlib.Path(directory)
        self.binary = binary
        self.ports = {door: free_port() for door in DOORS}
        self.configuration = self.directory / "posthorn.conf"
        self.process = None

    def prepare(self, accounts):
        root = os.geteuid() == 0
        self.directory.chmod(0o755)
        for name in ("data", "run"):
            (self.directory / name).mkdir()
            if root:
                shutil.chown(self.directory / name, "posthorn", "posthorn")
        (self.directory / "data").chmod(0o700)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "90", "-keyout", self.directory / "key.pem", "-out", self.directory / "cert.pem",
            "-subj", f"/CN=mail.{DOMAIN}", stderr=subprocess.DEVNULL)
        lines = [f"hostname = mail.{DOMAIN}", f"data = {self.directory}/data", f"run = {self.directory}/run",
                 f"certificate = {self.directory}/cert.pem {self.directory}/key.pem",
                 f"listen = lmtp {self.directory}/run/lmtp.sock",
                 "connections-per-address = 100000", "sessions-per-account = 100000", "log-level = warn"]
        lines += [f"listen = {door} 127.0.0.1:{port}" for door, port in self.ports.items()]
        if root:
            lines += [f"user-{role} = {user}" for role, user in zip(("store", "edge", "relay"), USERS)]
        self.configuration.write_text("\n".join(lines) + "\n")
        self.command("domain", "add", DOMAIN)
        for number in range(1, accounts + 1):
            self.command("account", "add", f"user{number}@{DOMAIN}", input=PASSWORD + "\n", text=True)

    def command(self, *words, **options):
        run(self.binary, "-c", self.configuration, *words, stdout=subprocess.DEVNULL, **options)

    def start(self):
        log = open(self.directory / "log", "a")
        self.process = subprocess.Popen([self.binary, "-c", self.configuration, "serve"], stdin=subprocess.DEVNULL,
                                        stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.ports["imap"]), 1) as imap:
                    if imap.recv(100).startswith(b"* OK"):
                        return
            except OSError:
                time.sleep(0.1)
        self.stop()
        sys.exit("The server did not start:\n" + (self.directory / "log").read_text()[-3000:])

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def url(self, door, scheme=None):
        if door == "lmtp":
            return f"lmtp://{self.directory}/run/lmtp.sock"
        return super().url(door, scheme)


# As Debian ships it, but for its number of processes: mdbox as the fastest of its formats, all its syncs, one process
# for each log-in.
DOVECOT_SHIPPED = """
protocols = imap pop3 lmtp
mail_location = mdbox:~/mail
mail_fsync = optimized
first_valid_uid = 1
default_process_limit = 4000
default_client_limit = 10000
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
auth_cache_size = 0
service imap-login {
  service_count = 1
  inet_listener imaps {
    address = 127.0.0.1
    port = {imaps}
  }
}
service pop3-login {
  service_count = 1
  inet_listener pop3s {
    address = 127.0.0.1
    port = {pop3s}
  }
}
service imap {
  service_count = 1
  process_limit = 4000
}
service pop3 {
  service_count = 1
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
service anvil {
  client_limit = 10000
}
service auth {
  client_limit = 10000
}
"""
# As its documentation advises for many connections: processes that serve many log-ins, IDLE in hibernation.
DOVECOT_TUNED = """
imap_hibernate_timeout = 1s
service imap-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 10000
  vsz_limit = 2G
}
service pop3-login {
  service_count = 0
  process_min_avail = 2
}
service imap {
  service_count = 1000
  process_min_avail = 2
  unix_listener imap-master {
    user = $default_internal_user
  }
}
service imap-hibernate {
  client_limit = 10000
  unix_listener imap-hibernate {
    mode = 0666
  }
}
"""


class Dovecot(Measured):
    """Debian's, with Posthorn's certificate; the tuned one stands beside the shipped one, with mail of its own."""

    password = dovecot.PASSWORD

    def __init__(self, scratch, certificate, key, tuned=False):
        self.name = "dovecot tuned" if tuned else "dovecot"
        self.ports = {"imaps": free_port(), "pop3s": free_port()}
        settings = DOVECOT_SHIPPED + (DOVECOT_TUNED if tuned else "")
        for name, value in {"certificate": certificate, "key": key, **self.ports}.items():
            settings = settings.replace("{" + name + "}", str(value))
        self.server = dovecot.Dovecot(str(scratch), settings)
        self.ports |= {"imap": self.server.port, "pop3": self.server.pop3_port}

    @property
    def process(self):
        return self.server.process

    def start(self):
        self.server.log_file.unlink(missing_ok=True)
        self.server.start()

    def stop(self):
        self.server.process.send_signal(signal.SIGTERM)
        self.server.process.wait(30)

    def remove(self):
        self.server.close()

    def url(self, door, scheme=None):
        if door == "lmtp":
            return f"lmtp://{self.server.directory}/run/lmtp"
        return super().url(door, scheme)


class PostfixDovecot(Measured):
    """Postfix before a Dovecot: what most people run."""

    name = "postfix + dovecot"

    def __init__(self, scratch, behind):
        self.behind = behind
        self.password = behind.password
        postfix.Postfix.SCRATCH = str(scratch)
        self.server = postfix.Postfix(
            DOMAIN, "127.0.0.1", ["@"], smtpd_recipient_restrictions="permit_mynetworks, reject",
            smtpd_tls_security_level="none", smtp_tls_security_level="none", virtual_mailbox_maps="static:all",
            virtual_transport=f"lmtp:unix:{behind.server.directory}/run/lmtp", lmtp_destination_concurrency_limit="20")
        self.ports = {**behind.ports, "smtp": self.server.port}

    @property
    def process(self):
        return self.behind.process

    def start(self):
        self.server.__enter__()
        self.others = (int((self.server.place / "queue" / "pid" / "master.pid").read_text()),)

    def stop(self):
        self.server.__exit__()


def cpu_seconds(root):
    """User and system time of a process and all below it, ended children included."""
    parents, spent = {}, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        process = int(path.parent.name)
        parents[process] = int(fields[1])
        spent[process] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def below(process):
        while process and process != root:
            process = parents.get(process, 0)
        return process == root

    return sum(seconds for process, seconds in spent.items() if below(process))


def machine(scratch):
    with open("/proc/cpuinfo") as cpuinfo:
        model = next((line.split(":")[1].strip() for line in cpuinfo if line.startswith("model name")), "unknown")
    disk = json.loads(run(LOAD, "disk", "--file", scratch / "disk", "--seconds", 2, "--json",
                          stdout=subprocess.PIPE, text=True).stdout)["figures"]["rate"]["value"]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, text=True,
                            stdout=subprocess.PIPE).stdout.strip()
    return {"cpu": model, "cores": os.cpu_count(), "load": os.getloadavg()[0], "fdatasync": disk, "commit": commit,
            "kernel": os.uname().release}
