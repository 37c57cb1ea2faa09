"""Mail programs of other people, run in a scratch home with a configuration of ours."""

import os
import subprocess
from pathlib import Path

SECONDS = 120


class Home:
    """The place where one person's mail programs live."""

    def __init__(self, directory: Path):
        self.directory = directory

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o700 if text.startswith("#!") else 0o600)
        return path

    def run(self, *words, data: bytes = b"", good: tuple = (0,)) -> str:
        environment = {**os.environ, "HOME": str(self.directory), "TERM": "dumb", "LC_ALL": "C.UTF-8", "USER": "tester"}
        environment.pop("EMAIL", None)
        done = subprocess.run(
            [str(word) for word in words], input=data, env=environment, cwd=self.directory,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS,
        )  # fmt: skip
        text = done.stdout.decode(errors="replace")
        assert done.returncode in good, f"{words[0]} ended with {done.returncode}:\n{text}"
        return text


def maildir(directory: Path) -> dict[str, bytes]:
    """Flags (as in the file name, sorted) are kept with the path: name -> content."""
    return {path.name: path.read_bytes() for part in ("cur", "new") for path in (directory / part).glob("*")}