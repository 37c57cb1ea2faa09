"""The Sieve RFCs' own examples, as docs/sieve-examples.md lists them: tests/sieve/rfc*.txt.

An example is a heading, lines "> Field: value" that change the message (BODY, FROM and TO: its body and envelope), the
script, after "@ name" scripts that it includes, and what comes of it, a line "= action" each.
"""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("POSTHORN", str(ROOT / "build/posthorn"))
MESSAGE = """Return-Path: <coyote@desert.example.org>
Received: from b.example ([192.0.2.2]) by a.example; Tue, 1 Apr 1997 09:06:31 -0800
Date: Tue, 1 Apr 1997 09:06:31 -0800
From: coyote@desert.example.org
To: roadrunner@acme.example.com
Subject: I have a present for you
Message-ID: <1@desert.example.org>
"""
TEXT = "Look, I'm sorry about the whole anvil thing, and I really didn't mean to try and drop it on you.\n"


@dataclass
class Example:
    name: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    scripts: dict[str, str] = field(default_factory=lambda: {"script": ""})
    wanted: list[str] = field(default_factory=list)


def read_example(text: str) -> Example:
    heading, *lines = text.splitlines()
    example, script = Example(heading), "script"
    for line in lines:
        if line.startswith("> "):
            example.fields.append(tuple(line[2:].split(": ", 1)))
        elif line.startswith("= "):
            example.wanted.append(line[2:])
        elif line.startswith("@ "):
            script = line[2:]
            example.scripts[script] = ""
        elif line or not example.wanted:
            example.scripts[script] += line + "\n"
    return example


def all_examples() -> list[Example]:
    files = sorted((ROOT / "tests/sieve").glob("rfc*.txt"))
    parts = [re.split(r"^# (?=RFC )", path.read_text(), flags=re.MULTILINE)[1:] for path in files]
    return [read_example(text) for file in parts for text in file]


def message_of(example: Example) -> tuple[str, str, str]:
    """The message, its sender and its recipient. A second Received stands below the first, others above."""
    lines, body = MESSAGE.splitlines(), TEXT
    envelope = {"FROM": "coyote@desert.example.org", "TO": "roadrunner@acme.example.com"}
    own = {name.lower() for name, _ in example.fields}
    lines = [line for line in lines if line.startswith("Received:") or line.split(":")[0].lower() not in own]
    for name, value in example.fields:
        if name in envelope:
            envelope[name] = value
        elif name == "BODY":
            body = value + "\n"
        elif name.startswith("Received"):
            first = next(i for i, line in enumerate(lines) if line.startswith("Received:"))
            lines.insert(first + (name == "Received2"), f"Received: {value}")
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines) + "\n\n" + body, envelope["FROM"], envelope["TO"]


def described(row: dict) -> str:
    if "action" not in row:
        return f"error line {row['line']}: {row['what']}"
    if row["action"] == "vacation":
        head, body = row["reply"].split("\r\n\r\n", 1)
        subject = re.search(r"^Subject: (.*)", head, re.MULTILINE)[1].strip()
        return f"vacation {row['address']} {json.dumps(subject)} {json.dumps(body.strip().splitlines()[0])}"
    words = [json.dumps(row[key], ensure_ascii=False) for key in ("mailbox", "address", "reason") if key in row]
    return " ".join([row["action"], *words, *row.get("flags", []), *row.get("recipients", [])])


@pytest.mark.parametrize("example", all_examples(), ids=lambda example: example.name.replace(" ", "-"))
def test_the_example_does_what_its_rfc_says(tmp_path, example):
    message, sender, recipient = message_of(example)
    for name, script in example.scripts.items():
        (tmp_path / f"{name}.sieve").write_text(script)
    (tmp_path / "message.eml").write_bytes(message.replace("\n", "\r\n").encode())
    run = subprocess.run(
        [BINARY, "sieve", "test", "script.sieve", "message.eml", "--from", sender, "--to", recipient, "--json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert [described(row) for row in rows if "action" in row or row.get("level") == "error"] == example.wanted
