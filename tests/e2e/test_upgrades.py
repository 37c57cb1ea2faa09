"""Data of every schema that main has had open with this program, nothing of them looks different; newer ones are refused.

tests/upgrades/make made them; tests/upgrades/life.py says what is looked at.
"""

import json
import shutil
import sqlite3
import sys
import tarfile
from pathlib import Path

import pytest
from server import BINARY, DOMAIN, USERS, Server, is_root, make_raw, wait_until

HERE = Path(__file__).resolve().parents[1] / "upgrades"
sys.path.insert(0, str(HERE))
import life  # noqa: E402

OLDER = sorted(HERE.glob("*.tar.xz"))
RECEIVING = {"greylist": "suspicious", "dmarc-reports": "yes", "tls-reports": "yes"}  # each has a database
REFUSED = ("directory.db", "queue.db", "policies.db", "greylist.db", "feedback.db", "tls_feedback.db")


def give_to_store(top: Path) -> None:
    if is_root():
        for path in [top, *top.rglob("*")]:
            shutil.chown(path, USERS["store"], USERS["store"])


def assert_looks_as_before(now, before, place: str = "") -> None:
    """What the older program could not tell (None) is not compared; after a crash UIDs are left out."""
    if isinstance(before, dict):
        assert set(now) == set(before), place
        for key, value in before.items():
            assert_looks_as_before(now[key], value, f"{place} / {key}")
    elif place.endswith("/ UIDNEXT"):
        assert now >= before, place
    elif before is not None:
        assert now == before, place


@pytest.mark.parametrize("archive", OLDER, ids=lambda path: path.name.partition(".")[0])
def test_older_data_look_as_before(archive):
    server = Server()
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(server.directory)
        give_to_store(server.data)
        story = json.loads((server.directory / "life.json").read_text())
        server.start()
        assert_looks_as_before(life.seen(server), story["seen"])
        for person in life.accounts().values():
            server.admin("account", "check", person.address)
            before = server.count(person)
            server.deliver(person, make_raw())
            server.messages(person, before + 1)
        server.admin("alias", "add", f"fresh@{DOMAIN}", life.accounts()["anna"].address)
        server.stop()
        server.start()  # now as this program's own
        server.admin("account", "check", life.accounts()["anna"].address)
        server.stop()
        assert [record for record in server.log_records() if record.get("level") == "error"] == []
    finally:
        server.close()


def make_newer(path: Path, by: int = 1) -> None:
    with sqlite3.connect(path) as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        assert version > 0, f"{path} has no version"
        database.execute(f"PRAGMA user_version = {version + by}")
    database.close()
    give_to_store(path.parent)


@pytest.fixture(scope="module")
def house():
    """A server with each database that there is; tests stop and start it."""
    server = Server(**RECEIVING)
    try:
        server.start()
        server.admin("domain", "add", DOMAIN)
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("name", REFUSED)
def test_a_newer_database_is_refused_by_name(house, name):
    house.stop()
    path = house.data / name
    make_newer(path)
    said = house.log_file.stat().st_size
    with pytest.raises(AssertionError, match="the server ended"):
        house.start()
    refusal = house.events("worker.start_failed", said)[0]["error"]
    assert refusal.startswith(f"{name} was written by a newer program"), refusal
    assert "start that program again, or restore the data of before the upgrade" in refusal
    make_newer(path, -1)
    house.start()
    house.account("well")


def test_a_command_without_server_refuses_too(house):
    house.stop()
    make_newer(house.data / "directory.db")
    done = house.command("account", "list")
    assert done.returncode != 0 and "directory.db was written by a newer program" in done.stderr
    make_newer(house.data / "directory.db", -1)
    house.start()


def test_a_newer_account_waits_for_its_program_and_others_go_on(house):
    late, other = house.account("late"), house.account("other")
    house.deliver(late, make_raw())
    house.messages(late)
    (row,) = house.rows("account", "show", late.address)
    house.stop()
    path = house.data / "accounts" / row["id"][:2] / row["id"] / "account.db"
    make_newer(path)
    said = house.log_file.stat().st_size
    house.start()
    house.deliver(other, make_raw())
    house.messages(other)
    house.deliver(late, make_raw("Waits"))
    wait_until("it to wait", lambda: house.queued(late.address))
    with pytest.raises(Exception, match="UNAVAILABLE"):
        house.imap(late)
    assert "was written by a newer program" in house.command("account", "check", late.address).stderr
    assert "account.db was written by a newer program" in json.dumps(house.log_records(said))
    house.stop()
    make_newer(path, -1)
    house.start()
    house.admin("queue", "flush")
    house.messages(late, 2)


def test_a_newer_history_is_left_alone(house):
    house.stop()
    make_newer(house.data / "history.db")
    said = house.log_file.stat().st_size
    house.start()
    (refusal,) = house.events("queue.history", said)
    assert refusal["level"] == "error" and "history.db was written by a newer program" in refusal["error"]
    house.account("without")
    house.stop()
    make_newer(house.data / "history.db", -1)
    house.start()
