"""Every fuzz target has a dictionary beside it, is built, and has a small kept corpus."""

import re
from pathlib import Path

from tree import files

CORPUS_SIZE_MAX = 200_000


def violations(root: Path) -> list[str]:
    found = []
    for path in files(root / "src", "_fuzz.c"):
        place = path.relative_to(root)
        if not path.with_suffix(".dict").exists():
            found.append(f"{place}: no {path.stem}.dict beside it")
        target = re.search(rf"'(\w+)': files\('{path.name}'", (path.parent / "meson.build").read_text())
        if target is None:
            found.append(f"{place}: not in fuzz_targets of {place.parent}/meson.build")
            continue
        name = target.group(1)
        corpus = root / f"tests/corpus/{name}.tar.xz"
        if not corpus.exists():
            found.append(f"{place}: no {corpus.relative_to(root)}; tests/corpus/minimise --seconds 20 {name} makes it")
        elif corpus.stat().st_size > CORPUS_SIZE_MAX:
            found.append(f"{corpus.relative_to(root)} is larger than {CORPUS_SIZE_MAX} bytes")
    return found


def plant_corpus(root: Path, size: int) -> None:
    (root / "tests/corpus").mkdir(parents=True, exist_ok=True)
    (root / "tests/corpus/base_planted_fuzz.tar.xz").write_bytes(bytes(size))


def plant_without_dictionary(root: Path) -> None:
    plant_corpus(root, 1)
    (root / "src/base/planted_fuzz.c").write_text("")
    (root / "src/base/meson.build").write_text("fuzz_targets += {'base_planted_fuzz': files('planted_fuzz.c')}\n")


def plant_not_built(root: Path) -> None:
    plant_corpus(root, 1)
    (root / "src/base/planted_fuzz.c").write_text("")
    (root / "src/base/planted_fuzz.dict").write_text("")
    (root / "src/base/meson.build").write_text("")


def plant_built(root: Path) -> None:
    (root / "src/base/planted_fuzz.c").write_text("")
    (root / "src/base/planted_fuzz.dict").write_text("")
    (root / "src/base/meson.build").write_text("fuzz_targets += {'base_planted_fuzz': files('planted_fuzz.c')}\n")


def plant_large_corpus(root: Path) -> None:
    plant_built(root)
    plant_corpus(root, CORPUS_SIZE_MAX + 1)


PLANTS = [plant_without_dictionary, plant_not_built, plant_built, plant_large_corpus]
