"""What the gates share: which files are ours, and how the rooms lie."""

import os
import re
from pathlib import Path

SKIPPED_FOLDERS = {".git", "__pycache__", "corpus", "node_modules"}


def files(root: Path, *suffixes: str) -> list[Path]:
    """The tree's own files with one of these suffixes (all files when none is named), sorted."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in SKIPPED_FOLDERS and not name.startswith("build")]
        found += [Path(folder, name) for name in names if not suffixes or name.endswith(suffixes)]
    return sorted(found)


def c_files(root: Path) -> list[Path]:
    return files(root, ".c", ".h")


def rooms(root: Path) -> list[str]:
    """The rooms in their order, as meson.build lists them."""
    text = (root / "meson.build").read_text()
    listed = re.search(r"^rooms = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    if listed is None:
        raise ValueError("meson.build has no list `rooms = [...]`")
    return re.findall(r"'([^']+)'", listed.group(1))
