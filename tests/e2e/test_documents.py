"""The documents name everything that the code's tables have, and point to nothing that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").rglob("*.md")]


def read(path: str) -> str:
    return (ROOT / path).read_text()


def table(header: str, name: str) -> str:
    """An X-macro table's rows."""
    return re.search(rf"#define {name}\(X\)(.*?[^\\])\n", read(header), re.DOTALL).group(1)


def test_every_setting_is_described_with_its_default():
    rows = re.findall(r'X\(\w+, "([^"]+)",\s*"([^"]+)"', table("src/rt/settings.h", "SETTING_TABLE"))
    text = read("docs/configuration.md")
    assert len(rows) > 10
    for key, default in rows:
        line = next((row for row in text.splitlines() if row.startswith(f"| `{key}` |")), None)
        assert line, key
        # A path or word stands as it is; what is a sentence is said in the document's own words.
        assert " " in default or f"`{default}`" in line, (key, default)


def command_words(name: str) -> str:
    return name.replace("_", " ").replace("catch all", "catch-all").replace("app password", "app-password").replace("send as", "send-as").replace("smart host", "smart-host")


def test_every_command_has_an_example():
    commands = re.findall(r"X\((\w+)\)", table("src/admin/admin.h", "ADMIN_COMMAND_TABLE"))
    text = read("docs/commands.md")
    assert len(commands) > 20
    missing = [c for c in commands if f"$ posthorn {command_words(c)}" not in text]
    assert missing == []


def test_every_option_is_described():
    rows = re.findall(r'X\(\w+, "([^"]+)"', table("src/directory/option.h", "OPTION_TABLE"))
    text = read("docs/commands.md")
    assert rows and [name for name in rows if f"| `{name}` | `" not in text] == []


@pytest.mark.parametrize(
    "document, header, name",
    [
        ("docs/imap.md", "src/imap/capability.h", "IMAP_CAPABILITY_TABLE"),
        ("docs/pop3.md", "src/pop3/capability.h", "POP3_CAPABILITY_TABLE"),
        ("docs/smtp.md", "src/directory/sasl.h", "SASL_MECHANISM_TABLE"),
        ("docs/sieve.md", "src/sieve/extension.h", "SIEVE_EXTENSION_TABLE"),
    ],
)
def test_every_capability_is_described(document, header, name):
    names = re.findall(r'"([^"]+)"', table(header, name))
    described = re.findall(r"^\| ([^|]+) \|", read(document), re.MULTILINE)
    words = {word for cell in described for word in re.split(r"[ ,]+", cell)}
    assert names and [n for n in names if n not in words] == []


def test_every_extension_of_smtp_is_described():
    source = read("src/smtp/cmd_ehlo.c")
    said = set(re.findall(r"250[- ]([A-Z0-9]{3,})", source))
    words = set(re.split(r"\W+", read("docs/smtp.md")))
    assert said and said <= words


def example_problem(rfc: str, example: str, played_by: str) -> str | None:
    """What is wrong with a row of docs/imap-examples.md or docs/sieve-examples.md."""
    if played_by.startswith("not played: "):
        return None
    path, *said = re.findall(r"`(.+?)`", played_by)
    if not (ROOT / path).is_file():
        return "no such file"
    text = (ROOT / path).read_bytes().decode("latin-1")
    section, number = example.split()
    heading = rf"^# RFC {rfc} {re.escape(section)} example {number}\b"
    there = all(words in text for words in said) if said else re.search(heading, text, re.MULTILINE)
    return None if there else "not in that file"


@pytest.mark.parametrize("document, rfcs", [("docs/imap-examples.md", 34), ("docs/sieve-examples.md", 20)])
def test_every_example_of_the_rfcs_is_played(document, rfcs):
    wrong = []
    parts = re.split(r"^## RFC (\d+): (\d+) examples$", read(document), flags=re.MULTILINE)
    for rfc, count, part in zip(parts[1::3], parts[2::3], parts[3::3]):
        rows = re.findall(r"^\| ([\w.]+ \d+) \| .* \| ([^|]+) \|$", part, re.MULTILINE)
        assert len(rows) == int(count) == len({example for example, _ in rows}), rfc
        wrong += [(rfc, *row, why) for row in rows if (why := example_problem(rfc, *row))]
    assert len(parts) > 3 * rfcs and wrong == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    broken = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert broken == []
