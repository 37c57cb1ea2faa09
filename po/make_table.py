#!/usr/bin/python3
"""Makes the table of src/base/language_rows.h from po/*.po: make_table.py OUTPUT de.po ..."""

import sys
from pathlib import Path

from catalogue import Wrong, compiled, problem, read


def literal(text: str) -> str:
    special = b'"\\?'
    return '"' + "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in special else f"\\{byte:03o}" for byte in text.encode()
    ) + '"'


def rows(paths: list[Path]) -> dict[bytes, tuple[str, dict[str, str]]]:
    found: dict[bytes, tuple[str, dict[str, str]]] = {}
    for path in paths:
        for entry in read(path):
            if why := problem(entry):
                raise Wrong(f"{path.name}:{entry.line}: {why}")
            english = compiled(entry.english, False)
            _, translations = found.setdefault(english.encode(), (english, {}))
            translations.setdefault(path.stem.upper(), compiled(entry.translation, True))
    return found


def main() -> int:
    try:
        table = rows([Path(name) for name in sys.argv[2:]])
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    lines = ["/* Made by po/make_table.py. */", '#include "base/language_rows.h"', "", "const struct language_row language_rows[] = {"]
    for _, (english, translations) in sorted(table.items()):
        columns = [f"[LANGUAGE_EN] = {literal(english)}"]
        columns += [f"[LANGUAGE_{name}] = {literal(text)}" for name, text in translations.items()]
        lines.append("    {{" + ", ".join(columns) + "}},")
    lines += ["};", "const size_t language_row_count = sizeof(language_rows) / sizeof(language_rows[0]);", ""]
    Path(sys.argv[1]).write_text("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
