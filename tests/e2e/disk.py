"""What a disk may hold after a power loss, made of the notes of tests/power/recorder.c.

A change that was made before a sync of its file began is on the disk when the sync has ended. Of those after it, any
may be: writes in any order, some in part, sector by sector; of the names in a directory the first few changes. A
file's name is as lasting as its directory's last sync.
"""

import os
import random
import struct
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
NOTE = struct.Struct("=c7xQQQ")
ROOT = 0  # the marks' "inode"

KINDS = {
    b"N": "a file was opened by a name",
    b"W": "a write",
    b"T": "a new size",
    b"U": "a name removed",
    b"R": "a directory removed",
    b"M": "a name changed",
    b"K": "a directory made",
    b"f": "a file's sync begins", b"F": "and is over",
    b"d": "a directory's", b"D": "over",
    b"s": "the file system's", b"S": "over",
    b"X": "a mark of the test's own",
}  # fmt: skip


@dataclass
class File:
    content: bytearray
    pending: list = field(default_factory=list)  # (number, offset, data) and (number, size, None)


def apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
    else:
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def mark(log: Path, text: str) -> None:
    """What the test has seen, at its place among the changes."""
    data = text.encode()
    fd = os.open(log, os.O_WRONLY | os.O_APPEND)
    try:
        assert os.write(fd, NOTE.pack(b"X", ROOT, 0, len(data)) + data) == NOTE.size + len(data)
    finally:
        os.close(fd)


def read_notes(log: Path) -> list[tuple]:
    """(kind, inode, offset, data)"""
    notes = []
    with log.open("rb") as file:
        while head := file.read(NOTE.size):
            kind, inode, offset, size = NOTE.unpack(head)
            assert kind in KINDS
            notes.append((kind, inode, offset, file.read(size)))
    return notes


class Disk:
    """Begins as the directory `top` is now, all of it durable; follows the notes."""

    def __init__(self, top: Path):
        self.top = str(top)
        self.files: dict[int, File] = {}
        self.names: dict[str, int | None] = {}  # durable ones: a file's inode, None for a directory
        self.current: dict[str, int | None] = {}
        self.changes: list[tuple] = []  # of names, not durable: (number, directory, path, inode, old path)
        self.begun: dict[tuple, int] = {}
        self.number = 0
        for place, directories, files in os.walk(top):
            for name in directories:
                self.names[os.path.join(place, name)] = None
            for name in files:
                path = os.path.join(place, name)
                self.names[path] = os.stat(path).st_ino
                self.files[self.names[path]] = File(bytearray(Path(path).read_bytes()))
        self.current = dict(self.names)

    # --- following ---

    def follow(self, kind: bytes, inode: int, offset: int, data: bytes) -> None:
        self.number += 1
        if kind in b"WT" and inode in self.files:
            self.files[inode].pending.append((self.number, offset, data if kind == b"W" else None))
        elif kind in b"fds":
            self.begun[kind, inode, offset, data] = self.number
        elif kind in b"FDS":
            self.sync(kind, inode, data, self.begun.pop((kind.lower(), inode, offset, data)))
        elif kind in b"NURKM":
            self.follow_name(kind, inode, offset, data)

    def follow_name(self, kind: bytes, inode: int, offset: int, data: bytes) -> None:
        old = None
        if kind == b"M":
            old, path = data[:offset].decode(), data[offset + 1 :].decode()
            inode = self.current.pop(old) if old in self.current else 0
        else:
            path = data.decode()
        if not path.startswith(self.top + "/") or (kind == b"N" and self.current.get(path, 0) == inode):
            return
        if kind == b"N":
            self.files[inode] = File(bytearray())
        if kind in b"UR":
            self.current.pop(path, None)
        else:
            self.current[path] = None if kind == b"K" else inode
        gone = kind in b"UR"
        self.changes.append((self.number, os.path.dirname(path), path, None if kind == b"K" else inode, old, gone))

    def sync(self, kind: bytes, inode: int, data: bytes, before: int) -> None:
        for number in [inode] if kind == b"F" else list(self.files) if kind == b"S" else []:
            if number not in self.files:
                continue
            file = self.files[number]
            for change, offset, written in file.pending:
                if change < before:
                    apply(file.content, offset, written)
            file.pending = [change for change in file.pending if change[0] >= before]
        if kind == b"F":
            return
        directory = data.decode()
        lasting = [c for c in self.changes if c[0] < before and (kind == b"S" or c[1] == directory)]
        for change in lasting:
            self.rename(self.names, change)
        self.changes = [change for change in self.changes if change not in lasting]

    @staticmethod
    def rename(names: dict, change: tuple) -> None:
        _, _, path, inode, old, gone = change
        if old is not None:
            names.pop(old, None)
        if gone:
            names.pop(path, None)
        else:
            names[path] = inode

    # --- the loss ---

    def after_loss(self, dice: random.Random | None, all_pending: bool = False) -> dict[str, bytes | None]:
        """Path below the top to content, None for a directory. Without dice: all that is pending, or nothing of it."""
        names = dict(self.names)
        for directory in {change[1] for change in self.changes}:
            changes = [change for change in self.changes if change[1] == directory]
            count = dice.randint(0, len(changes)) if dice else len(changes) if all_pending else 0
            for change in changes[:count]:
                self.rename(names, change)
        image = {}
        for path in sorted(names):
            parent = os.path.dirname(path)
            if parent != self.top and os.path.relpath(parent, self.top) not in image:
                continue
            inode = names[path]
            content = None if inode is None else self.content(self.files[inode], dice, all_pending)
            image[os.path.relpath(path, self.top)] = content
        return image

    def content(self, file: File, dice: random.Random | None, all_pending: bool) -> bytes:
        content = bytearray(file.content)
        chance = dice.choice([0.1, 0.5, 0.9]) if dice else 0
        for _, offset, data in file.pending:
            if dice is None and all_pending:
                apply(content, offset, data)
            elif dice is not None and dice.random() < chance:
                if data is not None and dice.random() < 0.2:
                    data = data[: dice.randrange(0, len(data) + 1) // SECTOR * SECTOR]
                apply(content, offset, data)
        return bytes(content)


def write_image(image: dict[str, bytes | None], top: Path) -> None:
    for path, content in image.items():
        if content is None:
            (top / path).mkdir(0o700)
        else:
            (top / path).write_bytes(content)
            (top / path).chmod(0o600)
