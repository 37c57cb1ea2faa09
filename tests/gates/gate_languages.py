"""What is said to people is there in every language of po/, and po/ holds nothing else."""

import sys
from pathlib import Path

from sentences import sentences

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "po"))
from catalogue import Wrong, problem, read  # noqa: E402


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def catalogue_violations(path: Path, said: dict[str, str]) -> list[str]:
    try:
        entries = read(path)
    except Wrong as wrong:
        return [str(wrong)]
    found, seen = [], set()
    for entry in entries:
        at = f"po/{path.name}:{entry.line}: {quoted(entry.english)}"
        if entry.english in seen:
            found.append(f"{at} is there twice; remove one")
        elif entry.english not in said:
            found.append(f"{at} is said nowhere; remove it, or see tests/gates/sentences.py for what is looked at")
        if why := problem(entry):
            found.append(f"{at}: {why}")
        seen.add(entry.english)
    for text, place in said.items():
        if text not in seen:
            found.append(
                f"{place}: {quoted(text)} is not in po/{path.name}; add there: "
                f"msgid {quoted(text)} / msgstr \"its translation\""
            )
    return found


def violations(root: Path) -> list[str]:
    said = {s.text: f"{s.file}:{s.line}" for s in sentences(root)}
    return [wrong for path in sorted((root / "po").glob("*.po")) for wrong in catalogue_violations(path, said)]


def put(root: Path, source: str, catalogue: str) -> None:
    (root / "po").mkdir()
    (root / "po/de.po").write_text('msgid ""\nmsgstr "Language: de"\n\n' + catalogue)
    (root / "src/pop3/planted.c").write_text(source)


SAID = 'void f(void)\n{\n    pop3_ok(session, "%zu messages", n);\n}\n'


def plant_untranslated(root: Path) -> None:
    put(root, SAID, "")


def plant_unused(root: Path) -> None:
    put(root, "", 'msgid "%zu messages"\nmsgstr "%zu Nachrichten"\n')


def plant_raw(root: Path) -> None:
    put(root, 'void f(void)\n{\n    conn_write(c, S("-ERR [AUTH] go away\\r\\n"));\n}\n', "")


def plant_other_values(root: Path) -> None:
    put(root, SAID, 'msgid "%zu messages"\nmsgstr "Nachrichten"\n')


def plant_twice(root: Path) -> None:
    put(root, SAID, 2 * 'msgid "%zu messages"\nmsgstr "%zu Nachrichten"\n')


def plant_helper(root: Path) -> None:
    put(root, 'static void no(int x, const char *why)\n{\n}\n\nvoid f(void)\n{\n    no(1, "not today");\n}\n', "")


PLANTS = [plant_untranslated, plant_unused, plant_raw, plant_other_values, plant_twice, plant_helper]


def clean(root: Path) -> None:
    put(root, SAID, 'msgid "%zu messages"\nmsgstr "%zu Nachrichten"\n')
