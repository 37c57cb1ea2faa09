"""A full disk, processes that stand still, no descriptors, no memory: what was acknowledged is there once, and it goes on by itself."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from server import BINARY, DOMAIN, HOST, USERS, Account, Server, is_root, make_raw, wait_until
from test_kill import Load, identities

SEED = int(os.environ.get("POSTHORN_HARDSHIP_SEED", "20261123"))
SMALL_DISK = "24m"
DESCRIPTORS = 150
WORK_SECONDS = 3
MORE_MEMORY = 64 * 1024  # bytes of data that a process may take beyond what it has
STILL_SECONDS = 1.5


@contextlib.contextmanager
def working(server: Server, accounts: list[Account]):
    """People at work; at the end, what was acknowledged is there once."""
    load = Load(server, accounts)
    for thread in load.threads:
        thread.start()
    try:
        yield load
    finally:
        load.over.set()
        for thread in load.threads:
            thread.join()
    assert load.wrong == []
    server.admin("queue", "flush")
    wait_until("the queue to be empty", lambda: server.rows("queue", "list") == [])
    for account in accounts:
        found = identities(server, account)
        acknowledged = {identity for owner, identity in load.acknowledged if owner == account}
        assert acknowledged - set(found) == set(), "lost"
        assert [identity for identity, times in found.items() if times > 1] == [], "twice"
        server.admin("account", "check", account.address)


@pytest.mark.parametrize("role", USERS)
def test_a_worker_that_stands_still_for_a_while(server, role):
    dice = random.Random(f"{SEED} {role}")
    accounts = [server.account("still") for _ in range(2)]
    with working(server, accounts) as load:
        wait_until("work", lambda: len(load.acknowledged) > 5 or load.wrong)
        for _ in range(2):
            victim = server.worker(role)
            os.kill(victim, signal.SIGSTOP)
            time.sleep(dice.uniform(0.5, STILL_SECONDS))
            os.kill(victim, signal.SIGCONT)
            before = len(load.acknowledged)
            wait_until("work that goes on", lambda: len(load.acknowledged) > before or load.wrong)


def data_bytes(pid: int) -> int:
    """What RLIMIT_DATA counts."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmData:\s+(\d+) kB", status, re.MULTILINE).group(1)) * 1024


def limit_data(role: str, pid: int, most: str) -> int:
    """As its own user, who needs no privilege for that."""
    user = ["setpriv", f"--reuid={USERS[role]}", f"--regid={USERS[role]}", "--clear-groups"]
    return subprocess.run([*user, "prlimit", f"--pid={pid}", f"--data={most}:"]).returncode


@pytest.mark.parametrize("role", USERS)
def test_a_worker_that_gets_no_more_memory_for_a_while(server, role):
    """It may end, for that is how it begins anew when it must (docs/reliability.md)."""
    if not is_root():
        pytest.skip("only root may limit others")
    server.expect_deaths = True
    accounts = [server.account("memory") for _ in range(2)]
    with working(server, accounts) as load:
        wait_until("work", lambda: len(load.acknowledged) > 5 or load.wrong)
        victim = server.worker(role)
        assert limit_data(role, victim, str(data_bytes(victim) + MORE_MEMORY)) == 0
        time.sleep(WORK_SECONDS)  # of work, some of which is refused
        limit_data(role, victim, "unlimited")  # unless it ended
        before = len(load.acknowledged)
        wait_until("work that goes on", lambda: len(load.acknowledged) > before or load.wrong)


@pytest.fixture
def small_house(tmp_path):
    """Whose data lie on a small disk."""
    if not is_root():
        pytest.skip("only root may mount")
    server = Server()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", server.data]).returncode != 0:
        pytest.skip("no mounts here")
    try:
        server.data.chmod(0o700)
        shutil.chown(server.data, USERS["store"], USERS["store"])
        server.start()
        server.admin("domain", "add", DOMAIN)
        yield server
    finally:
        server.kill()
        subprocess.run(["umount", server.data], check=True)
        server.close()


def free(server: Server) -> int:
    room = os.statvfs(server.data)
    return room.f_bavail * room.f_frsize


def test_a_full_disk_refuses_and_loses_nothing(small_house):
    server = small_house
    accounts = [server.account("full") for _ in range(2)]
    ballast = server.data.parent / "data" / "ballast"
    with working(server, accounts) as load:
        wait_until("work", lambda: len(load.acknowledged) > 5 or load.wrong)
        with ballast.open("wb") as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(65536))
                    file.flush()
        assert free(server) < 65536
        time.sleep(WORK_SECONDS)  # of work that is refused, mostly
        with server.smtp(protocol="smtp") as client:
            code, text = client.mail("someone@elsewhere.example")
            if code == 250:
                code, text = client.rcpt(accounts[0].address)
            if code == 250:
                code, text = client.data(make_raw(body="z" * 70 + "\r\n" * 1000))
        assert code // 100 == 4, (code, text)
        with server.imap(accounts[0]) as client:
            status, data = client.append("INBOX", None, None, make_raw(body=("z" * 70 + "\r\n") * 1000))
        assert status == "NO" and b"[" in data[0], data
        ballast.unlink()
        before = len(load.acknowledged)
        wait_until("work that goes on", lambda: len(load.acknowledged) > before or load.wrong)


@pytest.fixture
def poor_house(tmp_path):
    """Which may have few files and connections open."""
    server = Server()
    program = server.directory / "poor"
    program.write_text(f'#!/bin/sh\nulimit -n {DESCRIPTORS}\nexec {BINARY} "$@"\n')
    program.chmod(0o755)
    try:
        server.start_program(program)
        server.admin("domain", "add", DOMAIN)
        yield server
    finally:
        server.close()


def test_without_descriptors_a_crowd_waits_and_nothing_is_lost(poor_house):
    server = poor_house
    accounts = [server.account("few") for _ in range(2)]
    workers = {role: server.worker(role) for role in USERS}
    with working(server, accounts) as load:
        wait_until("work", lambda: len(load.acknowledged) > 5 or load.wrong)
        crowd = []
        for number in range(2 * DESCRIPTORS):
            with contextlib.suppress(OSError):
                source = (f"127.0.1.{number % 200 + 1}", 0)
                crowd.append(socket.create_connection((HOST, server.ports["imap"]), timeout=5, source_address=source))
        wait_until("the limit to be felt", lambda: server.events("rt.accept_paused"))
        time.sleep(WORK_SECONDS)
        for stranger in crowd:
            stranger.close()
        before = len(load.acknowledged)
        wait_until("work that goes on", lambda: len(load.acknowledged) > before or load.wrong)
    assert {role: server.worker(role) for role in USERS} == workers, "one died"
