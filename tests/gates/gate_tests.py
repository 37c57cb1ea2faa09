"""Every unit test file is built: one that meson doesn't know cannot fail."""

from pathlib import Path

from tree import files


def violations(root: Path) -> list[str]:
    found = []
    for path in files(root / "src", "_test.c"):
        if f"'{path.name}'" not in (path.parent / "meson.build").read_text():
            place = path.relative_to(root)
            found.append(f"{place}: not in unit_tests of {place.parent}/meson.build")
    return found


def plant(root: Path) -> None:
    (root / "src/base/planted_test.c").write_text("")
    (root / "src/base/meson.build").write_text("")
