"""Reads a translation in the PO format of GNU gettext, as far as it is used here: msgid, msgstr, comments."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

PLACE = re.compile(r"%(?:(\d+)\$)?[-+ #0]*\d*(\.(?:\*|\d+))?(hh|h|ll|l|z|j)?([a-zA-Z%])")
DATA, WORDS, NUMBER = 1, 2, 3
PLACES_MAX = 7


class Entry(NamedTuple):
    english: str
    translation: str
    line: int


class Wrong(Exception):
    pass


def read(path: Path) -> list[Entry]:
    entries, texts, current, line = [], {}, None, 0

    def finish() -> None:
        if texts.get("msgid"):  # the one without a msgid is the file's header
            entries.append(Entry(texts["msgid"], texts.get("msgstr", ""), line))
        texts.clear()

    for number, text in enumerate(path.read_text().splitlines(), 1):
        found = re.fullmatch(r'(?:(msgid|msgstr)\s+)?(".*")', text.strip())
        if found is None:
            if text.strip() and not text.startswith("#"):
                raise Wrong(f"{path.name}:{number}: neither msgid, msgstr nor a comment")
            continue
        if found.group(1):
            if found.group(1) == "msgid":
                finish()
                line = number
            current = found.group(1)
            texts[current] = ""
        if current is None:
            raise Wrong(f"{path.name}:{number}: a text of nothing")
        texts[current] += ast.literal_eval(found.group(2))
    finish()
    return entries


def places(text: str) -> list[tuple[int, int, int, int]]:
    """(start, end, number from 1, kind) of each value."""
    found, count = [], 0
    for place in PLACE.finditer(text):
        if place.group(4) == "%":
            continue
        count += 1
        kind = NUMBER
        if place.group(4) == "s":
            kind = DATA if place.group(2) else WORDS
        found.append((place.start(), place.end(), int(place.group(1) or count), kind))
    return found


def compiled(text: str, translation: bool) -> str:
    """With a byte for each value: its kind, or in a translation its number."""
    out, at = "", 0
    for start, end, number, kind in places(text):
        out += text[at:start].replace("%%", "%") + chr(number if translation else kind)
        at = end
    return out + text[at:].replace("%%", "%")


def problem(entry: Entry) -> str | None:
    if not entry.translation:
        return "it has no translation"
    if any(ord(c) < 0x20 and c != "\n" for c in entry.english + entry.translation):
        return "it holds a control character"
    if any(ord(c) > 0x7E and not (0xC0 <= ord(c) <= 0xFF and c in "äöüÄÖÜß") for c in entry.translation):
        return "the letters beyond ASCII are those that src/base/language.c can spell in ASCII"
    english = {number: kind for _, _, number, kind in places(entry.english)}
    translated = {number: kind for _, _, number, kind in places(entry.translation)}
    if english != translated:
        return "its values (%s, %d, ...) are not those of the English text; number them (%2$s) to change their order"
    if len(english) > PLACES_MAX:
        return f"it has more than {PLACES_MAX} values"
    return None
