"""The manual pages and the completion that are made of the tables: whole, and without a reader's complaint."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("POSTHORN", str(ROOT / "build" / "posthorn"))


def page(which: str) -> str:
    return subprocess.run([BINARY, "manual", which], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("section", ["1", "5"])
def test_readers_have_nothing_to_say(section, tmp_path):
    file = tmp_path / f"page.{section}"
    file.write_text(page(section))
    assert shutil.which("mandoc"), "apt install mandoc"
    lint = subprocess.run(["mandoc", "-Tlint", "-Wwarning", str(file)], capture_output=True, text=True, check=False)
    # A date would say when the program was built, not when its tables changed.
    assert [line for line in lint.stdout.splitlines() if "missing date" not in line] == []
    shown = subprocess.run(
        ["man", "-l", "--warnings", str(file)], capture_output=True, text=True, check=False,
        env=os.environ | {"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
    )  # fmt: skip
    assert (shown.returncode, shown.stderr) == (0, "")


def test_every_command_and_setting_has_its_place():
    names = re.findall(r"X\((\w+)\)", (ROOT / "src/admin/admin.h").read_text().split("ADMIN_COMMAND_TABLE(X)")[1].split("clang-format on")[0])
    commands = page("1").replace("\\-", "-")
    assert commands.count("\n.SS ") == len(names) + 1  # serve is not in the table
    assert commands.count("\nExample:\n") == len(names)
    settings = page("5").replace("\\-", "-")
    keys = re.findall(r'X\(\w+, "([^"]+)",\s*"', (ROOT / "src/rt/settings.h").read_text())
    assert len(keys) > 20 and [key for key in keys if f"\n\\fB{key}\\fR\n" not in settings] == []


def test_nothing_of_the_text_is_taken_for_roff():
    lines = (page("1") + page("5")).splitlines()
    known = {"TH", "SH", "SS", "TP", "PP", "nf", "fi", "RS", "RE", "B", "I", "BR", "RB", "IR", "RI"}
    assert {line[1:].split(" ")[0] for line in lines if line.startswith((".", "'"))} <= known


@pytest.mark.parametrize(
    "words, there, not_there",
    [
        (["posthorn", ""], {"account", "status", "doctor", "serve"}, {"worker", "manual", "add"}),
        (["posthorn", "acc"], {"account"}, {"alias"}),
        (["posthorn", "account", ""], {"add", "list", "app-password"}, {"account", "catch-all"}),
        (["posthorn", "account", "app-password", ""], {"add", "remove"}, {"rename"}),
        (["posthorn", "-c", "x", "queue", "dr"], {"drop"}, set()),
        (["posthorn", "account", "list", "--"], {"--json", "--help"}, {"--yes"}),
        (["posthorn", "queue", "drop", "--"], {"--yes"}, {"--json"}),
        (["posthorn", "account", "add", "a@b.example", "--na"], {"--name"}, {"--quota"}),
    ],
)
def test_bash_completes(words, there, not_there, tmp_path):
    script = tmp_path / "completion"
    script.write_text(page("bash"))
    typed = " ".join(shlex.quote(word) for word in words)
    run = f". {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _posthorn; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    offered = set(subprocess.run(["bash", "-c", run], capture_output=True, text=True, check=True).stdout.split())
    assert there <= offered and not not_there & offered
