"""A room includes headers only of rooms before it in meson.build; protocol rooms never include each other."""

import re
from pathlib import Path

from tree import c_files, rooms

PROTOCOLS = {
    "smtp", "lmtp", "imap", "pop3", "managesieve", "http", "dav", "jmap", "eas", "ews", "discovery",
}  # fmt: skip
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"(?:\./)?([^/"]*)(/?)', re.MULTILINE)


def objection(room: str, included: str, order: list[str]) -> str | None:
    if included not in order:
        return f"includes \"{included}/...\", which is no room"
    if order.index(included) > order.index(room):
        return f"includes the later room {included}"
    if included != room and included in PROTOCOLS and room in PROTOCOLS:
        return f"includes the other protocol {included}"
    return None


def violations(root: Path) -> list[str]:
    order = rooms(root)
    found = []
    for path in c_files(root / "src"):
        place = path.relative_to(root)
        if len(place.parts) < 3:  # src/main.c stands above all rooms
            continue
        room = place.parts[1]
        if room not in order:
            found.append(f"{place}: {room} is not in meson.build's rooms")
            continue
        for match in INCLUDE.finditer(path.read_text()):
            included, slash = match.groups()
            why = objection(room, included, order) if slash else "includes a header without its room's name"
            if why is not None:
                found.append(f"{place}: {why}")
    return found


def plant_later(root: Path) -> None:
    (root / "src/base/planted.c").write_text('#include "rt/loop.h"\n')


def plant_protocol(root: Path) -> None:
    (root / "src/pop3/planted.c").write_text('#include "smtp/session.h"\n')


def plant_nameless(root: Path) -> None:
    (root / "src/base/planted.c").write_text('#include "slice.h"\n')


def plant_unlisted_room(root: Path) -> None:
    (root / "src/cellar").mkdir()
    (root / "src/cellar/planted.c").write_text("int planted;\n")


PLANTS = [plant_later, plant_protocol, plant_nameless, plant_unlisted_room]
