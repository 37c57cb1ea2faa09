"""No mutable globals: what the linker would place in writable memory is on the list, which only shrinks.

Looks at the objects of the release build, tests left out: symbols in .data, .bss, .tdata, .tbss or common memory. Constants
that hold addresses lie in .data.rel.ro and are no concern. globals.txt has a line `source symbol` for each
exception; a line that no longer applies is a violation too.
"""

import re
import subprocess
from pathlib import Path

from tree import files

ALLOWED = Path("tests/gates/globals.txt")
SYMBOL = re.compile(r"^[0-9a-f]+ .{7} (\.data|\.bss|\.tdata|\.tbss|\*COM\*)(?:\.(?!rel\.ro)\S+)?\t[0-9a-f]+\s+(\S+)$")


def sources_by_object(root: Path) -> dict[str, str]:
    """meson names the object of src/base/log.c "src_base_log.c.o"."""
    names = [str(path.relative_to(root)) for path in files(root / "src", ".c")]
    return {name.replace("/", "_") + ".o": name for name in names}


def globals_of(root: Path) -> set[str]:
    """"source symbol" of every writable global of the build."""
    sources = sources_by_object(root)
    objects = [
        path
        for path in root.glob("build/*.p/*.o")
        if path.name in sources and not sources[path.name].endswith(("_test.c", "_fuzz.c"))
    ]
    if not objects:
        raise FileNotFoundError("the gate looks at the release build: ninja -C build posthorn")
    found = set()
    for path in objects:
        run = subprocess.run(["objdump", "-t", str(path)], capture_output=True, text=True, check=True)
        for line in run.stdout.splitlines():
            match = SYMBOL.match(line)
            if match and not match.group(2).startswith("."):
                name = re.sub(r"\.\d+$", "", match.group(2))  # a function's static is "name.0"
                found.add(f"{sources[path.name]} {name}")
    return found


def violations(root: Path) -> list[str]:
    lines = (root / ALLOWED).read_text().splitlines()
    allowed = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    found = globals_of(root)
    return [f"mutable global: {name}" for name in sorted(found - allowed)] + [
        f"{ALLOWED}: remove the line, it no longer applies: {name}" for name in sorted(allowed - found)
    ]


def compile_planted(root: Path, text: str) -> None:
    (root / "src/base/planted.c").write_text(text)
    folder = root / "build/core.p"
    folder.mkdir(parents=True)
    subprocess.run(
        ["gcc", "-c", "-fPIE", "-o", folder / "src_base_planted.c.o", root / "src/base/planted.c"], check=True
    )


def plant_global(root: Path) -> None:
    (root / ALLOWED).write_text("")
    compile_planted(root, "int planted;\n")


def plant_static_in_function(root: Path) -> None:
    (root / ALLOWED).write_text("")
    compile_planted(root, "int f(void)\n{\n    static int calls = 7;\n    return ++calls;\n}\n")


def plant_thread_local(root: Path) -> None:
    (root / ALLOWED).write_text("")
    compile_planted(root, "_Thread_local int planted = 3;\n")


def plant_stale_line(root: Path) -> None:
    (root / ALLOWED).write_text("src/base/planted.c gone\n")
    compile_planted(root, "int f(void)\n{\n    return 1;\n}\n")


def clean(root: Path) -> None:
    """Constants with addresses in them must pass."""
    (root / ALLOWED).write_text("")
    compile_planted(root, 'static const char *const names[] = {"a", "b"};\nconst char *f(int i)\n{\n    return names[i];\n}\n')


PLANTS = [plant_global, plant_static_in_function, plant_thread_local, plant_stale_line]
