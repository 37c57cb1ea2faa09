"""The house as a whole: the supervisor, its three workers, and what happens to them.

Self-contained: starts its own server from the binary named by POSTHORN (else build/posthorn), with everything
in a scratch directory and on free ports of loopback. As root every test runs twice: as root with three users,
and as one ordinary user.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

BINARY = os.environ.get("POSTHORN", str(Path(__file__).resolve().parents[2] / "build" / "posthorn"))
PATIENCE_SECONDS = 20
USERS = {"edge": "nobody", "relay": "www-data", "store": "mail"}
ORDINARY = "nobody"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what: str, ready):
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        result = ready()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def status_of(pid: int) -> dict:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


class House:
    """A running `posthorn serve`."""

    def __init__(self, directory: Path, as_root: bool):
        self.directory = directory
        self.as_root = as_root
        self.port = free_port()
        self.config = directory / "posthorn.conf"
        self.log_file = directory / "log"
        self.process = None
        self.extra = {}
        self.configure()

    def configure(self, **changes) -> None:
        self.extra.update(changes)
        settings = {
            "hostname": "mail.example",
            "data": self.directory / "data",
            "run": self.directory / "run",
            "listen": f"imap 127.0.0.1:{self.port}",
            "log-level": "debug",
            **{f"user-{role}": user for role, user in USERS.items()},
            **{key.replace("_", "-"): value for key, value in self.extra.items()},
        }
        self.config.write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))

    def start(self, environment=None) -> None:
        who = {}
        if os.geteuid() == 0 and not self.as_root:
            user = pwd.getpwnam(ORDINARY)
            who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "-c", str(self.config), "serve"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **(environment or {})}, **who,
            )  # fmt: skip

    def log(self) -> str:
        return self.log_file.read_text()

    def wait_log(self, pattern: str, times: int = 1) -> None:
        wait_for(f"{pattern} in the log:\n{self.log()}", lambda: len(re.findall(pattern, self.log())) >= times)

    def wait_ready(self) -> None:
        self.wait_log("supervisor.ready")

    def worker(self, role: str) -> int:
        """The latest process of this role."""
        return int(re.findall(rf"worker_ready worker={role} pid=(\d+)", self.log())[-1])

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def modes() -> list:
    return [True, False] if os.geteuid() == 0 else [False]


@pytest.fixture(params=modes(), ids=lambda as_root: "root" if as_root else "ordinary")
def house(request):
    directory = Path(tempfile.mkdtemp(prefix="posthorn-house-"))
    if os.geteuid() == 0 and not request.param:
        os.chown(directory, pwd.getpwnam(ORDINARY).pw_uid, -1)
    directory.chmod(0o755)
    running = House(directory, request.param)
    yield running
    running.close()
    shutil.rmtree(directory)


def test_starts_and_stops(house):
    house.start()
    house.wait_ready()
    assert house.stop() == 0
    ends = re.findall(r"worker_ended worker=\w+ pid=\d+ status=(-?\d+) signal=(\d+)", house.log())
    assert ends == [("0", "0")] * 3
    assert ("supervisor.not_root" in house.log()) == (not house.as_root)


def test_workers_are_shut_in(house):
    house.start()
    house.wait_ready()
    for role, user in USERS.items():
        status = status_of(house.worker(role))
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert int(status["CapEff"], 16) == 0
        assert int(status["CapPrm"], 16) == 0
        wanted = pwd.getpwnam(user if house.as_root else ORDINARY).pw_uid if os.geteuid() == 0 else os.getuid()
        assert set(status["Uid"].split()) == {str(wanted)}
        if house.as_root:
            assert int(status["CapBnd"], 16) == 0
    if house.as_root:
        # SETGID, SETUID, SETPCAP, KILL, DAC_READ_SEARCH and no more
        assert int(status_of(house.process.pid)["CapEff"], 16) == 0b111100100
    assert house.stop() == 0


def test_directories_sockets_and_keys_are_private(house):
    house.start()
    house.wait_ready()
    owner = USERS["store"] if house.as_root else pwd.getpwuid(house.directory.stat().st_uid).pw_name
    for name in ("data", "run"):
        found = (house.directory / name).stat()
        assert stat.S_IMODE(found.st_mode) == 0o700
        assert pwd.getpwuid(found.st_uid).pw_name == owner
    admin = (house.directory / "run" / "admin.sock").stat()
    assert stat.S_ISSOCK(admin.st_mode) and stat.S_IMODE(admin.st_mode) == 0o600
    assert pwd.getpwuid(admin.st_uid).pw_name == owner
    key = (house.directory / "data" / "tls" / "mail.example.key.pem").stat()
    assert stat.S_IMODE(key.st_mode) == 0o600
    assert house.stop() == 0


@pytest.mark.parametrize("role", ["edge", "relay", "store"])
def test_killed_worker_comes_back_and_meets_its_peers(house, role):
    house.start()
    house.wait_ready()
    house.wait_log("edge.peer role=store")
    house.wait_log("relay.peer role=store")
    house.wait_log("store.client role=(edge|relay)", 2)
    house.wait_log("store.peer role=relay")
    house.wait_log("relay.client role=store")
    before = house.worker(role)
    others = {name: house.worker(name) for name in USERS if name != role}
    os.kill(before, signal.SIGKILL)
    house.wait_log(f"worker_ready worker={role}", 2)
    assert house.worker(role) != before
    assert {name: house.worker(name) for name in others} == others
    if role == "store":
        house.wait_log("edge.peer role=store", 2)
        house.wait_log("relay.peer role=store", 2)
        house.wait_log("store.client role=(edge|relay)", 4)
        house.wait_log("store.peer role=relay", 2)
        house.wait_log("relay.client role=store", 2)
    else:
        house.wait_log(f"{role}.peer role=store", 2)
        house.wait_log(f"store.client role={role}", 2)
    assert house.stop() == 0


def test_worker_that_keeps_dying_rests_longer_each_time(house):
    house.start()
    house.wait_ready()
    begin = time.monotonic()
    for count in range(2, 4):
        os.kill(house.worker("relay"), signal.SIGKILL)
        house.wait_log("worker_ready worker=relay", count)
    assert 1 <= time.monotonic() - begin < 10  # at once, then after a second
    assert house.stop() == 0


def test_workers_end_with_their_supervisor(house):
    house.start()
    house.wait_ready()
    workers = [house.worker(role) for role in USERS]
    house.process.kill()
    house.process.wait()
    wait_for("the workers' end", lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_accepts_connections_before_and_after_edge_is_replaced(house):
    house.start()
    house.wait_ready()
    socket.create_connection(("127.0.0.1", house.port), timeout=5).close()
    os.kill(house.worker("edge"), signal.SIGKILL)
    # The port stays open in the supervisor: whoever comes now waits instead of being refused.
    socket.create_connection(("127.0.0.1", house.port), timeout=5).close()
    house.wait_log("worker_ready worker=edge", 2)
    assert house.stop() == 0


def test_reload_takes_new_settings_and_keeps_the_old_on_error(house):
    house.start()
    house.wait_ready()
    house.configure(log_format="json")
    house.process.send_signal(signal.SIGHUP)
    house.wait_log('"event":"supervisor.reloaded"')
    house.config.write_text("hostnam = x\n")
    house.process.send_signal(signal.SIGHUP)
    house.wait_log('"event":"supervisor.reload_failed".*did you mean')
    house.configure(listen=f"imap 127.0.0.1:{free_port()}")
    house.process.send_signal(signal.SIGHUP)
    house.wait_log('"event":"supervisor.restart_needed","settings":"listen"')
    house.wait_log('"event":"supervisor.reloaded"', 2)
    os.kill(house.worker("edge"), signal.SIGKILL)
    house.wait_log('"event":"supervisor.worker_ready","worker":"edge"')
    socket.create_connection(("127.0.0.1", house.port), timeout=5).close()
    assert house.stop() == 0


def test_second_signal_stops_at_once(house):
    house.start()
    house.wait_ready()
    # A worker that does not answer would use up its grace.
    os.kill(house.worker("relay"), signal.SIGSTOP)
    house.process.send_signal(signal.SIGTERM)
    house.wait_log("supervisor.stopping")
    begin = time.monotonic()
    house.process.send_signal(signal.SIGINT)
    assert house.process.wait(PATIENCE_SECONDS) == 0
    assert time.monotonic() - begin < 5


def test_tells_the_service_manager(house):
    path = str(house.directory / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        os.chmod(path, 0o777)
        manager.settimeout(PATIENCE_SECONDS)
        house.start({"NOTIFY_SOCKET": path})
        assert manager.recv(1000).startswith(b"READY=1\n")
        house.process.send_signal(signal.SIGHUP)
        assert re.match(rb"RELOADING=1\nMONOTONIC_USEC=\d+", manager.recv(1000))
        assert manager.recv(1000).startswith(b"READY=1\n")
        house.process.send_signal(signal.SIGTERM)
        assert manager.recv(1000).startswith(b"STOPPING=1\n")
    assert house.process.wait(PATIENCE_SECONDS) == 0


def refused(house) -> str:
    house.start()
    assert house.process.wait(PATIENCE_SECONDS) == 1
    return house.log()


def test_refuses_a_bad_file_in_one_line(house):
    house.config.write_text("hostnam = x\n")
    assert refused(house) == (
        f'posthorn: {house.config}:1: unknown key "hostnam"; did you mean "hostname"?\n'
    )


def test_refuses_a_port_in_use(house):
    with socket.socket() as other:
        other.bind(("127.0.0.1", house.port))
        other.listen()
        assert "Address already in use" in refused(house)


def test_refuses_to_start_twice(house):
    house.start()
    house.wait_ready()
    second = House(house.directory, house.as_root)
    second.log_file = house.directory / "log2"
    try:
        assert "another server answers" in refused(second)
    finally:
        second.close()
    assert house.stop() == 0


def test_command_line():
    def run(*arguments):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS)

    assert re.fullmatch(r"posthorn \d+\.\d+\.\d+\n", run("--version").stdout)
    shown = run("--help")
    assert shown.returncode == 0 and "serve" in shown.stdout and "worker" not in shown.stdout
    assert run().returncode == 2
    assert run("serve", "x").returncode == 2
    assert run("worker", "edge").returncode == 1  # not started by a supervisor
    assert run("worker", "x").returncode == 2
