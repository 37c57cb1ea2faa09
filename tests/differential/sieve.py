"""Runs one Sieve script over one message by Posthorn and by Debian's dovecot (sieve-test), and compares what they would do.

Compared is whether the script is taken, whether it fails while it runs, and what is done in the end: where the message goes
with which flags, to whom it is redirected, with what it is refused, whether a reply is sent. What differs must match an entry
of EXPLAINED.
"""

import json
import os
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

BINARY = os.environ.get("POSTHORN", str(Path(__file__).resolve().parents[2] / "build/posthorn"))
SENDER, OWNER = "bob@example.net", "anna@demo.example"
CONFIGURATION = """protocols =
mail_location = maildir:%(folder)s/mail
mail_uid = nobody
mail_gid = nogroup
plugin {
  sieve_extensions = +vacation-seconds +editheader
  sieve_editheader_max_header_size = 4k
}
"""

Actions = frozenset


@dataclass(frozen=True)
class Outcome:
    compiled: bool
    failed: bool = False
    actions: Actions = frozenset()


# --- ours ---


def our_action(row: dict) -> tuple:
    kind = row["action"]
    flags = frozenset(flag.lower() for flag in row.get("flags", []))
    if kind in ("keep", "fileinto"):
        name = row.get("mailbox", "INBOX")
        return ("store", "INBOX" if name.upper() == "INBOX" else name, flags)
    if kind == "notify":
        return (kind, " ".join(row["recipients"]))
    return (kind, row.get("address", row.get("reason", "")).strip() if kind != "vacation" else "")


def ours(folder: Path) -> Outcome:
    run = subprocess.run(
        [BINARY, "sieve", "test", "script.sieve", "message.eml", "--from", SENDER, "--to", OWNER, "--json"],
        cwd=folder, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    actions = frozenset(our_action(row) for row in rows if "action" in row)
    if not actions:
        assert run.returncode == 1, run
        return Outcome(False)
    failed = any(row.get("step") == "fails" for row in rows)
    return Outcome(True, failed, frozenset() if failed else actions - {("discard", "")})


# --- theirs ---


def their_actions(text: str) -> Actions:
    found, flags = [], None
    for line in re.sub(r"START MESSAGE\n.*?\nEND MESSAGE", "", text, flags=re.DOTALL).splitlines():
        if match := re.match(r" \* store message in folder: (.*)", line):
            flags = []
            found.append(["store", match[1], flags])
        elif match := re.match(r"\s+\+ add IMAP flags: (.*)", line):
            flags.extend(match[1].lower().split())
        elif match := re.match(r" \* redirect message to: <(.*)>", line):
            found.append(["redirect", match[1]])
        elif match := re.match(r" \* reject message with reason: (.*)", line):
            found.append(["reject", match[1].strip()])
        elif line.startswith(" * send notification"):
            found.append(["notify", ""])
        elif match := re.match(r"\s+\+ (?:To|Cc): (.*)", line):
            found[-1][1] = f"{found[-1][1]} {match[1]}".strip()
        elif line.startswith(" * send vacation message"):
            found.append(["vacation", ""])
    return frozenset((a[0], a[1], frozenset(a[2])) if a[0] == "store" else tuple(a) for a in found)


def theirs(folder: Path) -> Outcome:
    (folder / "dovecot.conf").write_text(CONFIGURATION % {"folder": folder})
    run = subprocess.run(
        ["sieve-test", "-c", "dovecot.conf", "-f", SENDER, "-r", OWNER, "-a", OWNER, "script.sieve", "message.eml"],
        cwd=folder, capture_output=True, text=True, timeout=30, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    if "failed to compile" in run.stderr:
        return Outcome(False)
    if run.returncode != 0:
        assert "implicit keep" in run.stderr, run
        return Outcome(True, True)
    return Outcome(True, False, their_actions(run.stdout))


def both(folder: Path, script: str, message: bytes) -> tuple[Outcome, Outcome]:
    (folder / "script.sieve").write_text(script)
    (folder / "message.eml").write_bytes(message)
    return ours(folder), theirs(folder)


# --- what differs, and why ---

# name, script (over a plain message from Bob <bob@example.net>, subject "Lunch?", body "Hi"), reason
DIFFERENT = [
    (
        "? at the start of a pattern",
        'require "variables"; if string :matches "abob" "?ob*" { discard; }',
        "RFC 5228 2.7.1: one character stands there; dovecot lets any number pass.",
    ),
    (
        "the same redirect twice",
        'require "copy"; redirect :copy "x@example.org"; redirect "x@example.org";',
        "Sent once by both; but the second one cancels the implicit keep (RFC 5228 2.10.2), which dovecot forgets.",
    ),
    (
        ":index with :count",
        'require ["index", "relational"]; if header :index 1 :count "eq" ["x", "subject"] "1" { discard; }',
        "RFC 5260 6: the fields of all names are counted in their order; dovecot finds none.",
    ),
    (
        "a mailbox without a name",
        'require "fileinto"; fileinto "";',
        "Wrong for us when it is compiled; dovecot finds out when it delivers.",
    ),
    (
        "a part that no date has",
        'require "date"; if currentdate "century" "1" { discard; }',
        "Wrong for us when it is compiled; for dovecot no match.",
    ),
    (
        "a script that is missing",
        'require "include"; include "missing";',
        "RFC 6609 3.1: an error only when it runs; dovecot looks for it when it compiles.",
    ),
    (
        "the last part with :anychild",
        'require "mime"; if exists :mime :anychild "content-md5" { discard; }',
        "RFC 5703 4.3: all parts are looked at; dovecot passes over the last one.",
    ),
    (
        "a parameter that is not there, counted",
        'require ["mime", "relational"]; if header :mime :param "x" :count "eq" "content-type" "0" { discard; }',
        "RFC 5703 4.1: none; dovecot counts one.",
    ),
    (
        "the type in a field without one",
        'require ["mime", "relational"]; if header :mime :type :count "eq" "subject" "0" { discard; }',
        "RFC 5703 4.1: only what can be read as a type counts; for dovecot the rest is an empty one.",
    ),
    (
        "extracttext without a loop",
        'require ["extracttext", "variables"]; extracttext "t";',
        "RFC 5703 7: the variable is empty, with a warning; for dovecot an error.",
    ),
    (
        "an address in a field of a part",
        'require "mime"; if address :mime "content-from" "tim@example.com" { discard; }',
        "An example of RFC 5703 4.2; dovecot refuses this field.",
    ),
    (
        "a way to notify that is not there",
        'require "enotify"; notify "xmpp:tim@example.com";',
        "RFC 5435 3.2: an error when it runs, for us with a warning before; for dovecot when it is compiled.",
    ),
    (
        "a comma between addresses of a mailto",
        'require "enotify"; notify "mailto:a@example.com,b@example.com";',
        "Allowed since RFC 6068 2; dovecot wants it encoded (RFC 2368 2).",
    ),
    (
        "where a script runs",
        'require "environment"; if environment "location" "MDA" { discard; }',
        "RFC 5183 4.1: we say MDA, dovecot MS.",
    ),
    (
        "five redirects",
        "".join(f'redirect "{letter}@b.example";' for letter in "abcde"),
        "The limit is the site's to choose (RFC 5228 2.10.4): ten for us, four for dovecot.",
    ),
]


def html_as_text(script: str, message: bytes) -> bool:
    """RFC 5173 5.3 lets both: our `:text` is HTML without its tags, dovecot's with them."""
    return b"text/html" in message and "body :text" in script


def index_with_count(script: str, message: bytes) -> bool:
    return re.search(r":index \d (:last )?:count", script) is not None


def redirect_twice(script: str, message: bytes) -> bool:
    copied = set(re.findall(r'redirect :copy "([^"]+)"', script))
    return any(address in copied for address in re.findall(r'redirect  "([^"]+)"', script))


def missing_parameter(script: str, message: bytes) -> bool:
    """See "a parameter that is not there": for dovecot it has an empty value."""
    return any(f':param "{name}"' in script and name.encode() not in message for name in ("boundary", "charset"))


def explanation(script: str, message: bytes) -> str | None:
    for known in (html_as_text, index_with_count, redirect_twice, missing_parameter):
        if known(script, message):
            return known.__name__
    return None


# --- scripts and messages from a seed ---

WORDS = ["bob", "Bob", "anna", "example", "net", "hello", "Hello World", "a*", "*b*", "b?b*", "", "1", "07", "[x]", "text", "html", "text/html", "é", "Ü"]
HEADERS = ["subject", "from", "to", "cc", "x-one", "received", "date", "missing"]
EXTENSIONS = [
    "fileinto", "copy", "variables", "relational", "imap4flags", "envelope", "body", "date", "index", "subaddress",
    "comparator-i;ascii-numeric", "encoded-character", "reject", "vacation", "mime", "foreverypart", "extracttext",
    "enotify",
]  # fmt: skip
SUBJECTS = [b"Hello World", b"", b"=?utf-8?q?=C3=9Cber?= all", b"[x] bob", b"07 bonds", b"a\r\n folded one", b"B*b"]
FROMS = [b"Bob <bob@example.net>", b"bob+x@Example.NET (Bob)", b"\"B, o\" <b.o@example.org>", b"undisclosed:;", b"broken"]
BODIES = [
    b"Content-Type: text/plain\r\n\r\nhello bob\r\n",
    b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=DCber\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\nbefore\r\n--b\r\n\r\none anna\r\n--b\r\nContent-Type: text/html\r\n\r\n"
    b"<p>hello</p>\r\n--b--\r\nafter\r\n",
]


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Writer:
    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def one(self, *choices):
        return self.random.choice(choices)

    def words(self) -> str:
        words = [quoted(self.one(*WORDS)) for _ in range(self.one(1, 1, 2, 3))]
        return words[0] if len(words) == 1 else "[" + ", ".join(words) + "]"

    def match(self) -> str:
        how = self.one(":is", ":contains", ":matches", ":value", ":count", "")
        if how == ":count":
            return ':count "%s" :comparator "i;ascii-numeric"' % self.one("gt", "ge", "lt", "le", "eq", "ne")
        comparator = self.one("", "", ':comparator "i;octet"')
        if how == ":value":
            return ':value "%s" %s' % (
                self.one("gt", "ge", "lt", "le", "eq", "ne"),
                self.one(comparator, ':comparator "i;ascii-numeric"'),
            )
        return f"{how} {comparator}"

    def keys(self, match: str) -> str:
        return quoted(str(self.random.randrange(4))) if ":count" in match else self.words()

    def headers(self) -> str:
        return "[" + ", ".join(quoted(self.one(*HEADERS)) for _ in range(self.one(1, 2))) + "]"

    def piece(self, match: str) -> str:
        pieces = [":type", ":subtype", ":contenttype"]
        return self.one(*pieces, *([] if ":count" in match else [':param "boundary"', ':param "charset"']))

    def test(self, depth: int = 0) -> str:
        match = self.match()
        keys = self.keys(match)
        part = self.one("", ":all", ":localpart", ":domain", ":user", ":detail")
        index = self.one("", "", ":index 1", ":index 2", ":index 1 :last")
        kinds = [
            f"header {index} {match} {self.headers()} {keys}",
            f"header {match} {self.headers()} {keys}",
            f"address {part} {match} {quoted(self.one('from', 'to', 'cc'))} {keys}",
            f"envelope {part} {match} {quoted(self.one('from', 'to'))} {keys}",
            f"exists {self.headers()}",
            f"size {self.one(':over', ':under')} {self.one('1', '200', '1K', '300')}",
            f'string {match} {quoted(self.one("${v}", "${1}", "a ${0}", ""))} {keys}',
            f"hasflag {match} {quoted(self.one('a', 'A b', 'c'))}" if ":count" not in match else "true",
            f"body {self.one(':text', ':raw', ':content ' + quoted('text'))} {self.one(':contains', ':is', ':matches')} {self.words()}",
            f'valid_notify_method {quoted(self.one("mailto:", "mailto:a@b.example", "mailto:a b@c.example", "tel:+1"))}',
            f"header :mime {match} {quoted(self.one('content-type', 'subject'))} {keys}",
            f"header :mime {self.piece(match)} {match} \"content-type\" {keys}",
            f"exists :mime {quoted(self.one('content-type', 'subject', 'content-id'))}",
            f'date :originalzone {match} "date" {quoted(self.one("year", "month", "hour", "weekday", "zone"))} {keys}',
        ]
        if depth < 3:
            inner = ", ".join(self.test(depth + 1) for _ in range(self.one(1, 2)))
            kinds += [f"not {self.test(depth + 1)}", f"anyof ({inner})", f"allof ({inner})"]
        return self.one(*kinds)

    def action(self) -> str:
        return self.one(
            "keep;",
            "discard;",
            f"fileinto {quoted(self.one('A', 'B', 'x-${1}', 'INBOX', 'é'))};",
            f"fileinto :copy :flags {quoted(self.one('a', 'A b', 'c' ))} \"C\";",
            f"redirect {self.one('', ':copy')} {quoted(self.one('x@example.org', 'y@example.org', 'z@example.org'))};",
            f"addflag {quoted(self.one('a', 'A b', 'c d'))};",
            "setflag \"\\\\Seen\";",
            f"removeflag {quoted(self.one('a', 'b'))};",
            f"set {self.one('', ':lower', ':upperfirst', ':length', ':quotewildcard')} \"v\" "
            f"{quoted(self.one('Hello World', '${1}', '${v}x', 'a*b', 'é${hex:40}'))};",
            "stop;",
            'reject "no";',
            'vacation "away";',
            f'notify "mailto:{self.one("x@example.org", "y@example.org?cc=z@example.org&from=a@b.c", "?to=x@example.org")}";',
            f'notify :importance "1" :message {quoted(self.one(*WORDS))} "mailto:z@example.org?subject=x&body=a%20b";',
        )

    def block(self, depth: int) -> str:
        return " ".join(self.command(depth) for _ in range(self.one(0, 1, 2)))

    def command(self, depth: int) -> str:
        if depth == 3 or self.random.random() < 0.4:
            return self.action()
        if depth == 0 and self.random.random() < 0.2:
            text = self.one("", f'extracttext {self.one("", ":first 5", ":upper")} "v";')
            return f"foreverypart {{ {text} {self.block(1)} {self.one('', 'if ' + self.test() + ' { break; }')} }}"
        text = f"if {self.test()} {{ {self.block(depth + 1)} }}"
        if self.random.random() < 0.3:
            text += f" elsif {self.test()} {{ {self.block(depth + 1)} }}"
        return text + (f" else {{ {self.block(depth + 1)} }}" if self.random.random() < 0.5 else "")

    def script(self) -> str:
        needs = "require [" + ", ".join(map(quoted, EXTENSIONS)) + "];\n"
        return needs + "\n".join(self.command(0) for _ in range(self.one(1, 2, 3, 4))) + "\n"

    def message(self) -> bytes:
        fields = [
            b"Received: by a.example; Tue, 1 Apr 1997 09:06:31 -0800",
            b"Received: by b.example; Tue, 1 Apr 1997 08:00:00 -0800",
            b"From: " + self.one(*FROMS),
            b"To: anna@demo.example, Other <other+tag@example.org>",
            b"Subject: " + self.one(*SUBJECTS),
            b"Date: Tue, 1 Apr 1997 09:06:31 -0800",
            b"X-One: 1",
            b"X-One: a",
        ]
        return b"\r\n".join(fields) + b"\r\n" + self.one(*BODIES)
