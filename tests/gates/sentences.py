"""The sentences that the sources say to people, as they stand there, and po/*.po, where their translations are.

A sentence is a string literal in an argument that is one: of the calls below, and of every function of the rooms
that has a parameter `const char *why`, `*text` or `*problem`; or one behind a status that the protocol has in front
of it ("* OK [CLOSED] "). What a call gets from a table or a function is named in PLACES.
"""

import re
from pathlib import Path
from typing import Iterator, NamedTuple

ROOMS = ["mime", "store", "directory", "queue", "link", "imap", "pop3", "managesieve", "doctor"]
SPEAKING_ROOMS = ["imap", "pop3", "managesieve"]

# name of a function: which argument, counted from 0
CALLS = {
    "fail": 2,
    "fail_plain": 2,
    "imap_reply_set": 3,
    "imap_say": 2,
    "language_put": 2,
    "pop3_put_line": 3,
    "pop3_ok": 1,
    "pop3_refuse": 1,
    "pop3_cannot": 1,
    "put_sentence": 2,
    "spoken_find": 2,
    "spoken_why": 1,
    "zone_begin": 1,
}
PARAMETER = re.compile(r"const char \*(?:why|text|problem)$")

ASSIGNED = re.compile(r"\b(?:problem|why) = ([^;]*);")

# These have such a parameter, which is no sentence.
NOT_SPOKEN = {"is_text", "number_get", "make_keys", "scram_fail", "check_found", "check_damaged", "search_gram"}

# What is said to who starts the server, in the log and on the terminal.
NOT_TO_PEOPLE = {"src/directory/directory.c", "src/directory/schema.c", "src/store/volume.c", "src/store/schema.c"}

# Where else sentences and words of them are: a function or a table, whose literals are all meant.
PLACES = {
    "src/base/error.h": ["ERR_TABLE"],
    "src/imap/session_internal.h": ["IMAP_OTHER_USERS"],
    "src/imap/progress.h": ["IMAP_PROGRESS_TEXT"],
    "src/imap/command.h": ["IMAP_LANGUAGE_UNKNOWN"],
    "src/imap/session_update.c": ["imap_send_flag_names"],
    "src/imap/reader.h": ["IMAP_READER_FAILURE_TABLE"],
    "src/pop3/login.c": ["refusals"],
    "src/directory/lookup.c": ["taken"],
    "src/queue/report.c": ["kinds"],
    "src/queue/file_result.c": ["failure_expired", "failure_late", "failure_refused", "filing_report_success", "filing_tell_late"],
    "src/queue/file_route.c": ["failure_unknown", "failure_loop"],
    "src/send/delivery.c": ["lacks"],
    "src/send/transaction.h": ["DELIVERY_NOT_IN_TIME"],
}

STATUS = re.compile(r"(?:\* |%s )?(?:OK|NO|BAD|BYE|\+OK|-ERR) ")
CODE = re.compile(r"\[[^\]]*\] ")
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|/\*.*?\*/|//[^\n]*', re.DOTALL)
LITERALS = re.compile(r'"((?:\\.|[^"\\])*)"(?:\s*"((?:\\.|[^"\\])*)")*')
PIECE = re.compile(r'"((?:\\.|[^"\\])*)"')
PLACE = re.compile(r"%(?:(\d+)\$)?[-+ #0]*\d*(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j)?([a-zA-Z%])")


class Sentence(NamedTuple):
    text: str  # as C has it between the quotes, unescaped
    file: str
    line: int


def unescape(text: str) -> str:
    plain = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "0": "\0", "1": "\1"}
    return re.sub(r"\\(.)", lambda found: plain.get(found.group(1), found.group(0)), text)


def without_comments(source: str) -> str:
    """Comments as blanks, so that offsets and lines stay."""

    def blank(found: re.Match) -> str:
        token = found.group(0)
        return re.sub(r"[^\n]", " ", token) if token.startswith("/") else token

    return TOKEN.sub(blank, source)


def arguments(source: str, start: int) -> list[tuple[int, str]]:
    """The arguments of a call whose parenthesis opens just before `start`, with their offsets."""
    found, depth, begin, at = [], 1, start, start
    while at < len(source) and depth > 0:
        char = source[at]
        if char in "\"'":
            token = TOKEN.match(source, at)
            at = token.end() if token else at + 1
            continue
        depth += char in "([{"
        depth -= char in ")]}"
        if depth == 0 or (depth == 1 and char == ","):
            found.append((begin, source[begin:at]))
            begin = at + 1
        at += 1
    return found


def sayable(literal: str) -> str | None:
    """The sentence in a literal, without what the protocol has around it; None: there is none."""
    text = re.sub(r"[\r\n]+$", "", unescape(literal))
    text = CODE.sub("", STATUS.sub("", text, count=1), count=1) if STATUS.match(text) else CODE.sub("", text, count=1)
    text = text.strip("\n")
    said = re.search(r"[a-z]{2}", PLACE.sub("", text)) and not re.match(r"\[|[a-z_]+\.[a-z_]+$", text)
    return text if said else None


def literals(text: str) -> Iterator[tuple[int, str]]:
    """String literals, adjacent ones joined."""
    for found in LITERALS.finditer(text):
        yield found.start(), "".join(PIECE.findall(found.group(0)))


def speaking_functions(sources: dict[str, str]) -> dict[str, int]:
    calls = dict(CALLS)
    head = re.compile(r"^[a-z][\w ]*[ *](\w+)\(([^;{]*)\)\s*(?:\w+(?:\([^)]*\))?\s*)*[;{]", re.MULTILINE)
    for source in sources.values():
        for name, parameters in head.findall(source):
            for index, parameter in enumerate(parameters.split(",")):
                if PARAMETER.search(parameter.strip()) and name not in NOT_SPOKEN:
                    calls[name] = index
    return calls


def body_of(source: str, name: str) -> tuple[int, int]:
    """From the last definition of a function, table or macro of that name to its end."""
    macro = re.search(rf"#define {name}\b.*?[^\\]\n", source, re.DOTALL)
    if macro:
        return macro.span()
    place = re.search(rf"\b{name}(?:\[\w*\])* = \{{.*?\n?\s*\}};|\b{name}\([^;]*?\)\n\{{.*?\n\}}", source, re.DOTALL)
    return place.span() if place else (0, 0)


def read_sources(root: Path) -> dict[str, str]:
    paths = [path for room in ROOMS for path in sorted((root / "src" / room).glob("*.[ch]"))]
    paths += [root / name for name in PLACES if (root / name).exists() and root / name not in paths]
    return {
        str(path.relative_to(root)): without_comments(path.read_text())
        for path in paths
        if not re.search(r"_(test|fuzz)\.c$|test\w*\.h$", path.name)
        and str(path.relative_to(root)) not in NOT_TO_PEOPLE
    }


def raw_sentences(name: str, source: str) -> Iterator[tuple[int, str]]:
    """(offset, literal) of all that is said in one file of a room that speaks to people itself."""
    if name.split("/")[1] not in SPEAKING_ROOMS:
        return
    for offset, literal in literals(source):
        if re.match(r"\* (?:OK|NO|BAD|BYE) |(?:OK|NO|BAD) [^%]|(?:\+OK|-ERR) ", unescape(literal)):
            yield offset, literal


def sentences(root: Path) -> list[Sentence]:
    sources = read_sources(root)
    calls = speaking_functions(sources)
    call = re.compile(r"(?<![\w.>])(" + "|".join(sorted(calls)) + r")\(")
    found = {}
    for name, source in sources.items():
        spoken = list(raw_sentences(name, source))
        for match in call.finditer(source):
            given = arguments(source, match.end())
            index = calls[match.group(1)]
            if index < len(given):
                offset, text = given[index]
                spoken += [(offset + at, literal) for at, literal in literals(text)]
        for match in ASSIGNED.finditer(source):
            spoken += [(match.start(1) + at, literal) for at, literal in literals(match.group(1))]
        for place in PLACES.get(name, []):
            start, end = body_of(source, place)
            spoken += [(start + at, literal) for at, literal in literals(source[start:end])]
        for offset, literal in spoken:
            text = sayable(literal)
            if text is not None:
                found.setdefault(text, Sentence(text, name, source.count("\n", 0, offset) + 1))
    return list(found.values())


if __name__ == "__main__":
    for s in sorted(sentences(Path(__file__).resolve().parents[2]), key=lambda s: (s.file, s.line)):
        print(f"{s.file}:{s.line}: {s.text}")
