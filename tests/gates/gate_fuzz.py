"""Every fuzz target has a dictionary beside it and is built."""

from pathlib import Path

from tree import files


def violations(root: Path) -> list[str]:
    found = []
    for path in files(root / "src", "_fuzz.c"):
        place = path.relative_to(root)
        if not path.with_suffix(".dict").exists():
            found.append(f"{place}: no {path.stem}.dict beside it")
        if f"'{path.name}'" not in (path.parent / "meson.build").read_text():
            found.append(f"{place}: not in fuzz_targets of {place.parent}/meson.build")
    return found


def plant_without_dictionary(root: Path) -> None:
    (root / "src/base/planted_fuzz.c").write_text("")
    (root / "src/base/meson.build").write_text("fuzz_targets += {'base_planted_fuzz': files('planted_fuzz.c')}\n")


def plant_not_built(root: Path) -> None:
    (root / "src/base/planted_fuzz.c").write_text("")
    (root / "src/base/planted_fuzz.dict").write_text("")
    (root / "src/base/meson.build").write_text("")


PLANTS = [plant_without_dictionary, plant_not_built]
