"""`meson install` puts in place what a server needs, and its parts fit each other and the code."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("POSTHORN", str(ROOT / "build" / "posthorn"))).resolve().parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The prefix of an installation into a scratch directory."""
    place = tmp_path_factory.mktemp("install")
    command = ["meson", "install", "-C", str(BUILD), "--no-rebuild"]
    done = subprocess.run(command, env=os.environ | {"DESTDIR": str(place)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or done.stdout.splitlines()[-1]
    (binary,) = place.rglob("bin/posthorn")
    return binary.parent.parent


def unit_values(installed: Path, key: str) -> list[str]:
    unit = (installed / "lib/systemd/system/posthorn.service").read_text()
    return [word for line in re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE) for word in line.split()]


def test_everything_is_in_its_place(installed):
    places = [
        "bin/posthorn", "lib/systemd/system/posthorn.service", "lib/systemd/system/posthorn.socket",
        "lib/sysusers.d/posthorn.conf", "lib/tmpfiles.d/posthorn.conf", "share/doc/posthorn/README.md",
        "share/doc/posthorn/docs/configuration.md", "share/doc/posthorn/examples/posthorn.conf",
        "share/man/man1/posthorn.1", "share/man/man5/posthorn.conf.5", "share/bash-completion/completions/posthorn",
    ]  # fmt: skip
    assert [place for place in places if not (installed / place).is_file()] == []


def test_the_unit_starts_the_binary_that_was_installed(installed):
    program = unit_values(installed, "ExecStart")[0]
    assert str(installed / "bin/posthorn").endswith(program)


def test_the_unit_leaves_what_the_supervisor_needs_to_drop_its_rights(installed):
    source = (ROOT / "src/rt/supervisor_setup.c").read_text()
    kept = set(re.findall(r"CAP_\w+", re.search(r"kept\[\] = \{(.*?)\}", source, re.DOTALL).group(1)))
    assert kept
    assert kept <= set(unit_values(installed, "CapabilityBoundingSet"))
    assert "capset" in unit_values(installed, "SystemCallFilter")


def test_directories_belong_to_users_that_are_made(installed):
    def rows(file: str, pattern: str) -> list:
        return re.findall(pattern, (installed / file).read_text(), re.MULTILINE)

    users = rows("lib/sysusers.d/posthorn.conf", r"^u (\S+)")
    owners = dict(rows("lib/tmpfiles.d/posthorn.conf", r"^d (\S+) +\d+ (\S+)"))
    assert set(owners.values()) <= {*users, "root"}
    settings = dict(rows("share/doc/posthorn/examples/posthorn.conf", r"^(\S+) = (\S+)"))
    assert owners[settings["data"]] == owners[settings["run"]] == settings["user-store"]
    assert {settings["user-store"], settings["user-edge"], settings["user-relay"]} == set(users)


def test_the_example_is_read(installed, tmp_path):
    """Only its certificate, which is somebody's, is not there."""
    text = (installed / "share/doc/posthorn/examples/posthorn.conf").read_text()
    configuration = tmp_path / "posthorn.conf"
    configuration.write_text(text)
    command = [str(installed / "bin/posthorn"), "-c", str(configuration), "domain", "list"]
    done = subprocess.run(command, capture_output=True, text=True)
    line = text.splitlines().index(next(row for row in text.splitlines() if row.startswith("certificate"))) + 1
    assert f"posthorn.conf:{line}: cannot read /etc/posthorn/" in done.stderr
