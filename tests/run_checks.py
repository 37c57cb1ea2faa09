#!/usr/bin/python3
"""The work of ./check: builds the trees, runs the gates and every test, counts.

Trees: build (which the end-to-end tests run), build-release (compiled only: more optimization warns of
more), build-asan (ASan and UBSan, for the unit tests), build-fuzz (clang's libFuzzer);
build-tsan, when a unit test is listed in meson's tsan_tests. Trees are kept, so a second run is quick.
A failure is shown and counted, and the rest goes on.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JOBS = os.cpu_count() or 1
END_TO_END = ["tests/e2e", "tests/differential"]
SHOWN_LINES = 60  # of a failure's output; the whole is in the log
# With 30 s for each target the fuzzing alone would take a quarter of an hour on two cores.
FUZZ_LONG_SECONDS = 30
FUZZ_SHORT_SECONDS = 5
FUZZ_TURNS = 3  # days, on one of which a target has its long turn

TREES = {
    "build": [],
    "build-release": ["--buildtype=release"],
    "build-asan": ["-Dbuildtype=debug", "-Db_sanitize=address,undefined", "-Dtests=enabled"],
    "build-tsan": ["-Dbuildtype=debug", "-Db_sanitize=thread", "-Dtests=enabled"],
    "build-fuzz": [
        "-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dwerror=false",
        "-Dc_args=-fsanitize=fuzzer-no-link",
    ],
}  # fmt: skip

# A finding of a sanitizer ends the process, whichever it is.
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=1:detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


class Tally:
    """What passed and what failed; failures are told as they come."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed: list[str] = []

    def add(self, name: str, good: bool, output: str = "") -> None:
        if good:
            self.passed += 1
            return
        self.failed.append(name)
        print(f"FAILED {name}")
        for line in output.splitlines()[-SHOWN_LINES:]:
            print(f"    {line}")
        sys.stdout.flush()


def step(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def run(command: list, log: Path, **environment: str) -> subprocess.CompletedProcess:
    """Runs it from the root without input; its whole output goes to the log as well."""
    done = subprocess.run(
        [str(word) for word in command], cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    log.parent.mkdir(exist_ok=True)
    log.write_text(done.stdout)
    return done


def build(tree: str, tally: Tally, *targets: str) -> bool:
    """Configures the tree unless it is, then builds the targets (all when none is named)."""
    step(f"build {tree}")
    log = ROOT / tree / "check-build.log"
    if not (ROOT / tree / "build.ninja").exists():
        compiler = {"CC": "clang"} if tree == "build-fuzz" else {}
        done = run(["meson", "setup", tree, *TREES[tree]], log, **compiler)
        if done.returncode != 0:
            tally.add(f"configure {tree}", False, done.stdout)
            return False
    done = run(["ninja", "-C", tree, f"-j{JOBS}", *targets], log)
    if done.returncode != 0:
        tally.add(f"build {tree}", False, done.stdout)
    return done.returncode == 0


def introspect(tree: str, what: str) -> list[dict]:
    done = subprocess.run(["meson", "introspect", tree, what], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def check_gates(tally: Tally) -> None:
    step("gates")
    done = run(["/usr/bin/python3", "-B", "tests/gates/run.py"], ROOT / "build" / "check-gates.log")
    results = re.split(r"^(ok|FAILED) (.*)\n", done.stdout, flags=re.MULTILINE)[1:]
    for verdict, name, output in zip(results[::3], results[1::3], results[2::3]):
        tally.add(name, verdict == "ok", output)
        if verdict == "ok" and output:
            print(output, end="")
    if done.returncode != 0 and "FAILED" not in results:
        tally.add("gates", False, done.stdout)


def count_unit_test(name: str, result: dict, tally: Tally) -> None:
    """cmocka prints a line for each test; a binary that died before its end has failed at least once."""
    output = result.get("stdout", "") + result.get("stderr", "")
    passed = set(re.findall(r"^\[       OK \] (\S+)", output, re.MULTILINE))
    failed = set(re.findall(r"^\[  FAILED  \] ([A-Za-z_]\w*)", output, re.MULTILINE))
    for test in sorted(passed - failed):
        tally.add(f"{name} {test}", True)
    if result["result"] != "OK" and not failed:
        failed = {f"({result['result'].lower()})"}
    if result["result"] == "OK" and not passed:
        failed, output = {"(ran no test)"}, ""
    for test in sorted(failed):
        tally.add(f"{name} {test}", False, output)
        output = ""  # once is enough


def check_unit_tests(tree: str, tally: Tally, *suite: str) -> None:
    """Runs the tree's unit tests, all or those of a suite."""
    # TSan of this compiler can't place its shadow where address randomisation is strong.
    prefix = ["setarch", os.uname().machine, "-R"] if tree == "build-tsan" else []
    step(f"unit tests of {tree}")
    results_file = ROOT / tree / "meson-logs" / "testlog.json"
    results_file.unlink(missing_ok=True)
    command = [*prefix, "meson", "test", "-C", tree, "--no-rebuild", f"--num-processes={JOBS}", *suite]
    done = run(command, ROOT / tree / "check-tests.log", **SANITIZERS)
    if not results_file.exists():
        tally.add(f"unit tests of {tree}", False, done.stdout)
        return
    for line in results_file.read_text().splitlines():
        result = json.loads(line)
        count_unit_test(result["name"].split(" / ")[-1], result, tally)


def check_threads(tally: Tally) -> None:
    """The unit tests of the suite `tsan`, if there are any."""
    if not any("tsan" in suite for test in introspect("build-asan", "--tests") for suite in test["suite"]):
        return
    if build("build-tsan", tally):
        check_unit_tests("build-tsan", tally, "--suite", "tsan")


def kept_inputs(name: str) -> list[Path]:
    """Directories: what tests/corpus has for this target, by name and packed."""
    kept = ROOT / "tests" / "corpus" / name
    unpacked = ROOT / "build-fuzz" / "kept" / name
    with tarfile.open(f"{kept}.tar.xz") as archive:
        archive.extractall(unpacked)
    return [unpacked, *([kept] if kept.is_dir() else [])]


def fuzz(target: dict, seconds: int) -> tuple[str, bool, str]:
    """Tries the kept corpus, then looks on from it for this long. What it finds new is kept in the tree."""
    name = target["name"]
    source = Path(target["target_sources"][0]["sources"][0])
    tree = ROOT / "build-fuzz"
    found = tree / "corpus" / name
    found.mkdir(parents=True, exist_ok=True)
    command = [
        tree / name, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
        f"-artifact_prefix={tree}/crash-{name}-", f"-dict={source.with_suffix('.dict')}", found,
        *kept_inputs(name),
    ]  # fmt: skip
    done = run(command, tree / f"check-{name}.log", **SANITIZERS)
    return name, done.returncode == 0, done.stdout


def fuzz_seconds(number: int, wanted: int | None, day: int) -> int:
    """How long the target of this number looks on this day: each has a long turn every few days."""
    if wanted is not None:
        return wanted
    return FUZZ_LONG_SECONDS if number % FUZZ_TURNS == day % FUZZ_TURNS else FUZZ_SHORT_SECONDS


def check_fuzz(tally: Tally, wanted: int | None) -> None:
    targets = [t for t in introspect("build-fuzz", "--targets") if t["type"] == "executable" and t["name"].endswith("_fuzz")]
    targets.sort(key=lambda target: target["name"])
    day = datetime.date.today().toordinal()
    seconds = [fuzz_seconds(number, wanted, day) for number in range(len(targets))]
    step(f"fuzz targets: {len(targets)}, " + ", ".join(f"{seconds.count(n)} of them {n} s" for n in sorted(set(seconds))))
    with ThreadPoolExecutor(JOBS) as pool:
        for name, good, output in pool.map(fuzz, targets, seconds):
            tally.add(f"fuzz {name}", good, output)


def check_end_to_end(tally: Tally) -> None:
    """pytest over tests/e2e and tests/differential, against the release binary (named by POSTHORN)."""
    if not (ROOT / "tests" / "e2e").is_dir():
        return
    step("end-to-end tests")
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        done = run(
            ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report.name}", *END_TO_END],
            ROOT / "build" / "check-e2e.log", POSTHORN=str(ROOT / "build" / "posthorn"),
        )  # fmt: skip
        try:
            cases = list(ElementTree.parse(report.name).iter("testcase"))
        except ElementTree.ParseError:
            cases = []
    for case in cases:
        name = f"{case.get('classname')} {case.get('name')}"
        wrong = [child.text or "" for child in case if child.tag in ("failure", "error")]
        if any(child.tag == "skipped" for child in case):
            print(f"    skipped: {name}")
        else:
            tally.add(name, not wrong, "\n".join(wrong))
    if not cases or (done.returncode != 0 and not any(name.startswith(("tests.e2e", "tests.differential")) for name in tally.failed)):
        tally.add("end-to-end tests", False, done.stdout)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./check", description="Builds Posthorn and runs every test.")
    parser.add_argument("--quick", action="store_true", help="only the gates and the unit tests")
    parser.add_argument(
        "--fuzz-seconds", type=int, metavar="N",
        help=f"for each fuzz target (default {FUZZ_SHORT_SECONDS}, and {FUZZ_LONG_SECONDS} for a third of them, each day another)",
    )  # fmt: skip
    return parser.parse_args()


def main() -> int:
    options = arguments()
    tally = Tally()
    build("build", tally, "installed", "probes")
    check_gates(tally)
    if not options.quick:
        build("build-release", tally, "posthorn")
    if build("build-asan", tally):
        check_unit_tests("build-asan", tally)
        if not options.quick:
            check_threads(tally)
    if not options.quick:
        if build("build-fuzz", tally):
            check_fuzz(tally, options.fuzz_seconds)
        check_end_to_end(tally)
    if tally.failed:
        print("failed: " + ", ".join(tally.failed))
    print(f"{tally.passed} passed, {len(tally.failed)} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
