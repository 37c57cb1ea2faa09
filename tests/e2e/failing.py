"""A server in which one step fails, chosen while it runs: the other side of tests/doubles/failing.c."""

import mmap
import os
import shutil
import struct
from pathlib import Path

from server import BINARY, Server

FAILING = Path(BINARY).with_name("posthorn-failing")
KINDS = ["memory", "write", "read", "sync", "descriptor", "socket", "sql"]
PLAN = struct.Struct("<iIqqqqQ")  # process, kinds, fail_at, in_a_row, steps, failed, caller
HELD = struct.Struct("<qqq")  # process, blocks, bytes
HELD_FROM = PLAN.size + 8  # after how many there are
PROCESSES_MAX = 1000


class FailingServer(Server):
    """Nothing fails until a `Plan` is made."""

    def __init__(self, place: Path, **settings: str):
        super().__init__(**settings)
        for directory in (place, *place.parents):
            if directory.name.startswith("pytest"):
                directory.chmod(0o755)  # the workers run a program in it
        self.binary = place / "posthorn"
        shutil.copy(FAILING, self.binary)
        path = place / "failing.plan"
        path.write_bytes(bytes(HELD_FROM + PROCESSES_MAX * HELD.size))
        with path.open("r+b") as file:
            self.plan = mmap.mmap(file.fileno(), 0)

    def start(self) -> None:
        self.plan[:] = bytes(len(self.plan))
        self.start_program(self.binary)

    def fail(self, role: str, kind: str, at: int, in_a_row: int = 1) -> None:
        """From now on the steps of this kind are counted in this worker; this one fails (0: none), and those after it."""
        self.rest()
        self.plan[: PLAN.size] = PLAN.pack(0, 1 << KINDS.index(kind), at, in_a_row, 0, 0, 0)
        self.plan[:4] = struct.pack("<i", self.worker(role))

    def rest(self) -> tuple[int, int, int]:
        """Nothing fails any more. How many steps were counted, how many failed, and the last one's caller."""
        *_, steps, failed, caller = PLAN.unpack_from(self.plan)
        self.plan[:4] = bytes(4)
        return steps, failed, caller

    def held(self, role: str) -> tuple[int, int, int]:
        """What this worker has now: blocks, bytes, descriptors."""
        pid = self.worker(role)
        for place in range(PROCESSES_MAX):
            process, blocks, size = HELD.unpack_from(self.plan, HELD_FROM + place * HELD.size)
            if process == pid:
                try:
                    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
                except PermissionError:
                    descriptors = 0  # only root may look
                return blocks, size, descriptors
        raise AssertionError(f"{role} counts nothing")

    def place_of(self, role: str, address: int) -> str:
        """The object file and the offset in it: for addr2line."""
        try:
            maps = Path(f"/proc/{self.worker(role)}/maps").read_text()
        except OSError:
            return hex(address)
        for line in maps.splitlines():
            span, _, offset, _, _, *name = line.split()
            first, end = (int(part, 16) for part in span.split("-"))
            if first <= address < end:
                return f"{Path(name[0]).name if name else '?'}+{address - first + int(offset, 16):#x}"
        return hex(address)
