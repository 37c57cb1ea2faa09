"""Each worker has what it needs and no more; one that dies is told of and replaced."""

import os
import pwd
import re
import signal
from pathlib import Path

import pytest

from server import USERS, is_root, make_raw, wait_until

ROLES = list(USERS)
needs_root = pytest.mark.skipif(not is_root(), reason="workers let nobody but root look at what they hold")


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def open_files(pid: int) -> list[str]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(entry))
        except OSError:
            continue  # closed meanwhile
    return found


def internet_sockets(pid: int) -> list[tuple[str, int]]:
    """State (0A: listening) and local port of each."""
    inodes = {match.group(1) for name in open_files(pid) if (match := re.fullmatch(r"socket:\[(\d+)\]", name))}
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[9] in inodes:
                found.append((words[3], int(words[1].rpartition(":")[2], 16)))
    return found


@pytest.mark.parametrize("role", ROLES)
def test_worker_is_shut_in(server, role):
    status = status_of(server.worker(role))
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
    uid = pwd.getpwnam(USERS[role]).pw_uid if is_root() else os.getuid()
    assert uid != 0
    assert set(status["Uid"].split()) == {str(uid)}
    if is_root():
        assert set(status["Gid"].split()) == {str(pwd.getpwnam(USERS[role]).pw_gid)}
        assert status["Groups"] == "" or set(status["Groups"].split()) == {str(pwd.getpwnam(USERS[role]).pw_gid)}


@pytest.mark.skipif(is_root(), reason="root may look at everything")
@pytest.mark.parametrize("role", ROLES)
def test_nobody_else_of_the_same_user_looks_inside(server, role):
    with pytest.raises(PermissionError):
        os.listdir(f"/proc/{server.worker(role)}/fd")


@pytest.mark.skipif(not is_root(), reason="as an ordinary user all workers are that user")
def test_workers_are_three_users(server):
    assert len({status_of(server.worker(role))["Uid"] for role in ROLES}) == len(ROLES)


@needs_root
def test_only_store_has_files_of_the_data_open(server, anna):
    server.deliver(anna, make_raw())
    server.messages(anna)
    with server.imap(anna, "INBOX"), server.smtp(anna):
        for role in ("edge", "relay"):
            pid = server.worker(role)
            touched = open_files(pid) + [os.readlink(f"/proc/{pid}/cwd")] + Path(f"/proc/{pid}/maps").read_text().split()
            assert [name for name in touched if name.startswith(str(server.data))] == [], role
        assert any(name.startswith(str(server.data)) for name in open_files(server.worker("store")))


@needs_root
def test_large_body_on_its_way_leaves_edge_without_files(server, anna):
    """A body that goes to a spool file: the descriptor that edge is lent is gone when the message is in."""
    raw = make_raw(body=("x" * 70 + "\r\n") * 20000)
    server.deliver(anna, raw)
    server.messages(anna)
    wait_until(
        "edge to have closed the spool file",
        lambda: not any(str(server.data) in name for name in open_files(server.worker("edge"))),
    )


@needs_root
def test_only_edge_listens_to_the_internet(server, anna):
    listening = {role: {port for state, port in internet_sockets(server.worker(role)) if state == "0A"} for role in ROLES}
    assert listening["edge"] == set(server.ports.values())
    assert listening["store"] == listening["relay"] == set()
    with server.imap(anna, "INBOX"):
        # TLS stays in edge: store has a unix socket of it, none of the internet.
        assert internet_sockets(server.worker("store")) == []


@pytest.mark.parametrize("role", ROLES)
def test_crash_is_logged_and_mended(server, anna, role):
    server.expect_deaths = True
    before = server.log_file.stat().st_size
    victim = server.worker(role)
    os.kill(victim, signal.SIGABRT)
    ended = wait_until("the end in the log", lambda: server.events("supervisor.worker_ended", before, worker=role))
    assert (ended[0]["pid"], ended[0]["signal"], ended[0]["level"]) == (victim, signal.SIGABRT, "error")
    wait_until(f"a new {role}", lambda: server.events("supervisor.worker_ready", before, worker=role))
    assert server.worker(role) != victim
    server.deliver(anna, make_raw())
    server.messages(anna)


def test_session_in_clear_outlives_edge(server, anna):
    """After log-in the connection is store's: nothing happens to it when edge dies."""
    server.expect_deaths = True
    with server.wire("imap") as wire:
        assert wire.line().startswith(b"* OK")
        assert wire.imap("a", f'LOGIN {anna} "{anna.password}"')[-1].startswith("a OK")
        assert wire.imap("b", "SELECT INBOX")[-1].startswith("b OK")
        victim = server.worker("edge")
        os.kill(victim, signal.SIGKILL)
        wait_until("a new edge", lambda: server.worker("edge") != victim)
        server.deliver(anna, make_raw())
        wait_until("the message", lambda: "* 1 EXISTS" in wire.imap("c", "NOOP"))
