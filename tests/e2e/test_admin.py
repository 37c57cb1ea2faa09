"""Every command of `posthorn domain|account|alias|group|queue|plan`, on the files and by a running server."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

BINARY = os.environ.get("POSTHORN", str(Path(__file__).resolve().parents[2] / "build" / "posthorn"))
START_SECONDS = 20
DOMAIN = "demo.example"
HASH = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"


def user_exists(name):
    try:
        pwd.getpwnam(name)
        return True
    except KeyError:
        return False


class Posthorn:
    """A data directory, and the command line on it."""

    def __init__(self, directory):
        self.directory = directory
        self.configuration = directory / "posthorn.conf"
        self.server = None
        lines = [
            "hostname = mail.demo.example", f"data = {directory}/data", f"run = {directory}/run",
            f"listen = lmtp {directory}/run/lmtp.sock",
        ]  # fmt: skip
        (directory / "run").mkdir()
        if os.geteuid() == 0:
            self.user = "posthorn" if user_exists("posthorn") else "nobody"
            others = [name if user_exists(name) else "nobody" for name in ("posthorn-edge", "posthorn-relay")]
            lines += [f"user-store = {self.user}", f"user-edge = {others[0]}", f"user-relay = {others[1]}"]
            shutil.chown(directory / "run", self.user)
        self.configuration.write_text("\n".join(lines) + "\n")

    def run(self, *words, text=""):
        return subprocess.run(
            [BINARY, "-c", str(self.configuration), *words], input=text, capture_output=True, text=True, timeout=120
        )

    def good(self, *words, text=""):
        done = self.run(*words, text=text)
        assert (done.returncode, done.stderr) == (0, ""), f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def bad(self, status, *words, text=""):
        """It fails with this status and one line, which is given."""
        done = self.run(*words, text=text)
        assert done.returncode == status, f"{words}: {done.returncode} {done.stdout}{done.stderr}"
        assert done.stderr.startswith("posthorn: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr

    def rows(self, *words):
        return [json.loads(line) for line in self.good(*words, "--json").splitlines()]

    def start(self):
        log = (self.directory / "log").open("w")
        command = [BINARY, "-c", str(self.configuration), "serve"]
        self.server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not (self.directory / "run" / "admin.sock").exists():
            assert self.server.poll() is None and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.05)

    def stop(self):
        if self.server is not None:
            self.server.terminate()
            self.server.wait(START_SECONDS)
            self.server = None


@pytest.fixture(params=["files", "server"])
def posthorn(request):
    directory = Path(tempfile.mkdtemp(prefix="posthorn-admin."))
    directory.chmod(0o755)
    made = Posthorn(directory)
    try:
        if request.param == "server":
            made.start()
        made.good("domain", "add", DOMAIN)
        yield made
    finally:
        made.stop()
        shutil.rmtree(directory)


@pytest.fixture
def anna(posthorn):
    posthorn.good("account", "add", f"anna@{DOMAIN}", "--name", "Änna Example", "--quota", "2G", text="secret\n")
    return f"anna@{DOMAIN}"


def test_domains(posthorn):
    (row,) = posthorn.rows("domain", "list")
    assert (row["domain"], row["accounts"], row["catch_all"]) == (DOMAIN, 0, "")
    assert "exists already" in posthorn.bad(2, "domain", "add", DOMAIN)
    posthorn.good("domain", "add", "other.example")
    assert DOMAIN in posthorn.good("domain", "list")
    posthorn.good("domain", "remove", "other.example")
    assert "no domain" in posthorn.bad(2, "domain", "remove", "other.example")


def test_catch_all(posthorn, anna):
    posthorn.good("domain", "catch-all", DOMAIN, anna)
    assert posthorn.rows("domain", "list")[0]["catch_all"] == anna
    assert posthorn.rows("domain", "list")[0]["accounts"] == 1
    posthorn.good("domain", "catch-all", DOMAIN)
    assert posthorn.rows("domain", "list")[0]["catch_all"] == ""


def test_domain_with_accounts_stays(posthorn, anna):
    assert "1 accounts" in posthorn.bad(1, "domain", "remove", DOMAIN)


def test_account_show_and_list(posthorn, anna):
    row = posthorn.rows("account", "show", anna)[0]
    assert (row["name"], row["plan"], row["quota"], row["enabled"]) == ("Änna Example", "imap", 2 << 30, True)
    assert (row["bytes"], row["messages"], row["folders"]) == (0, 0, 6)
    assert "imap" in row["doors"]
    assert posthorn.rows("account", "list", DOMAIN)[0]["address"] == anna
    table = posthorn.good("account", "list").splitlines()
    assert table[0].split() == ["ADDRESS", "NAME", "PLAN", "QUOTA", "ENABLED"]
    assert table[1].split() == [anna, "Änna", "Example", "imap", "2G", "yes"]
    assert table[0].index("PLAN") == table[1].index("imap")


def test_account_set(posthorn, anna):
    posthorn.good("account", "set", anna, "--plan", "pop3", "--quota", "500M", "--messages", "100", "--enabled", "no")
    row = posthorn.rows("account", "show", anna)[0]
    assert (row["plan"], row["quota"], row["messages_max"], row["enabled"]) == ("pop3", 500 << 20, 100, False)
    assert "nothing to set" in posthorn.bad(2, "account", "set", anna)
    assert "no plan" in posthorn.bad(2, "account", "set", anna, "--plan", "gold")


def test_account_rename(posthorn, anna):
    posthorn.good("account", "rename", anna, f"anna.meier@{DOMAIN}")
    assert [row["address"] for row in posthorn.rows("account", "list")] == [f"anna.meier@{DOMAIN}"]
    assert "no account" in posthorn.bad(2, "account", "show", anna)


def test_account_password(posthorn, anna):
    posthorn.good("account", "password", anna, "--password-stdin", text="another\n")
    posthorn.good("account", "password", anna, "--hash", HASH)
    assert "no password" in posthorn.bad(2, "account", "password", anna)
    assert "command line" in posthorn.bad(2, "account", "password", anna, "--password", "x")
    assert "not both" in posthorn.bad(2, "account", "password", anna, "--hash", HASH, "--password-stdin", text="x\n")
    posthorn.good("account", "password", anna, text="p" * 1000 + "\n")
    assert "1000 bytes" in posthorn.bad(2, "account", "password", anna, text="p" * 1001 + "\n")


def test_account_check_and_remove(posthorn, anna):
    assert "0 findings" in posthorn.good("account", "check", anna)
    assert "0 findings" in posthorn.good("account", "check", anna, "--repair")
    assert "indexed 0 messages" in posthorn.good("account", "reindex", anna)
    assert "0 findings" in posthorn.good("account", "check", anna)
    identity = posthorn.rows("account", "show", anna)[0]["id"]
    data = posthorn.directory / "data" / "accounts" / identity[:2] / identity
    assert data.is_dir()
    if os.geteuid() == 0:
        assert data.owner() == posthorn.user
    posthorn.good("account", "remove", anna)
    assert not data.exists()
    assert posthorn.rows("account", "list") == []


def test_aliases(posthorn, anna):
    posthorn.good("alias", "add", f"office@{DOMAIN}", anna)
    assert posthorn.rows("alias", "list") == [{"address": f"office@{DOMAIN}", "targets": [anna]}]
    posthorn.bad(2, "alias", "add", f"office@{DOMAIN}", anna)
    assert "no group" in posthorn.bad(2, "group", "remove", f"office@{DOMAIN}")
    posthorn.good("alias", "remove", f"office@{DOMAIN}")
    assert posthorn.rows("alias", "list", DOMAIN) == []


def test_groups(posthorn, anna):
    group = f"sales@{DOMAIN}"
    posthorn.good("group", "add", group, anna)
    posthorn.good("group", "member", "add", group, "carla@example.net", anna.upper())
    assert posthorn.rows("group", "list") == [{"address": group, "members": [anna, "carla@example.net"]}]
    assert posthorn.rows("alias", "list") == []
    posthorn.good("group", "member", "remove", group, "carla@example.net")
    assert "not in the group" in posthorn.bad(2, "group", "member", "remove", group, "carla@example.net")
    assert "group remove" in posthorn.bad(2, "group", "member", "remove", group, anna)
    posthorn.good("group", "set", group, "dora@example.net", anna)
    assert set(posthorn.rows("group", "list", DOMAIN)[0]["members"]) == {anna, "dora@example.net"}
    posthorn.good("group", "remove", group)
    assert posthorn.rows("group", "list") == []


def test_queue(posthorn):
    assert posthorn.rows("queue", "list") == []
    posthorn.good("queue", "flush")
    assert "not an id" in posthorn.bad(2, "queue", "show", "12")
    posthorn.bad(2, "queue", "show", "00c0ffee00c0ffee")
    posthorn.bad(2, "queue", "drop", "00c0ffee00c0ffee", "--yes")


def test_queue_holds(posthorn):
    posthorn.good("queue", "hold", "--domain", "Elsewhere.example")
    assert "held already" in posthorn.bad(2, "queue", "hold", "--domain", "elsewhere.example")
    posthorn.good("queue", "hold", "--sender", "anna@elsewhere.example")
    assert "no such message" in posthorn.bad(2, "queue", "hold", "00c0ffee00c0ffee")
    assert "give one" in posthorn.bad(2, "queue", "hold")
    assert "give one" in posthorn.bad(2, "queue", "release", "00c0ffee00c0ffee", "--domain", "elsewhere.example")
    assert [(row["kind"], row["what"]) for row in posthorn.rows("queue", "holds")] == [
        ("domain", "elsewhere.example"),
        ("sender", "anna@elsewhere.example"),
    ]
    posthorn.good("queue", "release", "--domain", "elsewhere.example")
    posthorn.good("queue", "release", "--sender", "anna@elsewhere.example")
    assert posthorn.rows("queue", "holds") == []


def option(posthorn, noun, owner):
    found = posthorn.rows(noun, "show", owner)[0]["quota-warn"]
    return found["value"], found["from"]


def test_options_of_account_domain_and_plan(posthorn, anna):
    assert option(posthorn, "account", anna) == ("70,90", "built-in")
    posthorn.good("plan", "set", "imap", "--quota-warn", "60")
    assert option(posthorn, "account", anna) == option(posthorn, "plan", "imap") == ("60", "plan")
    posthorn.good("domain", "set", DOMAIN, "--quota-warn", "off")
    assert option(posthorn, "account", anna) == option(posthorn, "domain", DOMAIN) == ("off", "domain")
    posthorn.good("account", "set", anna, "--quota-warn", "50,75,100", "--quota", "3G")
    assert option(posthorn, "account", anna) == ("50,75,100", "account")
    assert "quota-warn" in posthorn.good("account", "show", anna)
    assert "70,90" in posthorn.bad(2, "account", "set", anna, "--quota-warn", "lots", "--quota", "4G")
    assert posthorn.rows("account", "show", anna)[0]["quota"] == 3 << 30
    for noun, owner in (("account", anna), ("domain", DOMAIN), ("plan", "imap")):
        posthorn.good(noun, "set", owner, "--quota-warn", "default")
    assert option(posthorn, "account", anna) == ("70,90", "built-in")
    assert "nothing to set" in posthorn.bad(2, "domain", "set", DOMAIN)
    assert "nothing to set" in posthorn.bad(2, "plan", "set", "imap")


def test_advice(posthorn):
    said = posthorn.good("account", "advise", "--devices", "2", "--mail", "20G", "--language", "en").splitlines()
    assert said[0] == "the plan imap fits:" and "all devices show the same" in said[1]
    assert said[-1] == "posthorn account add NAME@DOMAIN --plan imap --quota 30G"
    said = posthorn.good("account", "advise", "--brief", "yes", "--language", "de").splitlines()
    assert said[0] == "es passt der Tarif pop3:"
    assert said[-1] == "posthorn account add NAME@DOMAIN --plan pop3 --language de"
    posthorn.good("plan", "set", "imap", "--quota-max", "25G")
    said = posthorn.good("account", "advise", "--people", "3", "--mail", "20G", "--language", "en")
    assert "first: posthorn plan set imap --quota-max 30G" in said
    assert "plan exchange fits" in posthorn.good("account", "advise", "--calendar", "yes", "--language", "en")


def test_plans_come_and_go(posthorn, anna):
    posthorn.good("plan", "add", "gold", "--doors", "imap,submission", "--quota-max", "20G")
    row = posthorn.rows("plan", "show", "gold")[0]
    assert (row["quota"], row["quota_max"], row["doors"]) == (10 << 30, 20 << 30, ["imap", "submission"])
    posthorn.good("plan", "set", "gold", "--quota", "15G", "--doors", "imap", "--quota-warn", "95")
    assert posthorn.rows("plan", "show", "gold")[0]["quota"] == 15 << 30
    posthorn.good("account", "set", anna, "--plan", "gold")
    assert "give them another one first" in posthorn.bad(1, "plan", "remove", "gold")
    assert "more than the most" in posthorn.bad(2, "plan", "set", "gold", "--quota", "30G")
    assert "is no door" in posthorn.bad(2, "plan", "set", "gold", "--doors", "back")
    assert "small letters" in posthorn.bad(2, "plan", "add", "Gold!", "--doors", "imap")
    assert "without doors" in posthorn.bad(2, "plan", "add", "silver")
    posthorn.good("account", "set", anna, "--plan", "imap")
    posthorn.good("plan", "remove", "gold")
    assert "no plan" in posthorn.bad(2, "plan", "show", "gold")


def test_plans(posthorn):
    assert [row["plan"] for row in posthorn.rows("plan", "list")] == ["pop3", "imap", "exchange"]
    assert "eas" in posthorn.rows("plan", "show", "exchange")[0]["doors"]
    assert "no plan" in posthorn.bad(2, "plan", "show", "gold")


def test_import(posthorn, anna):
    file = posthorn.directory / "people.csv"
    lines = [f'"Person, ""{i}""",1G,p{i}@{DOMAIN},{HASH}' for i in range(450)]
    file.write_text("\r\n".join(["name,quota,address,hash", *lines]))
    assert "imported 450 accounts" in posthorn.good("account", "import", str(file))
    assert len(posthorn.rows("account", "list")) == 451
    row = posthorn.rows("account", "show", f"p7@{DOMAIN}")[0]
    assert (row["name"], row["quota"], row["folders"]) == ('Person, "7"', 1 << 30, 0)
    assert "nothing to check" in posthorn.good("account", "check", f"p7@{DOMAIN}")


def test_import_names_wrong_lines_and_makes_nothing(posthorn, anna):
    file = posthorn.directory / "people.csv"
    lines = ["address,password,quota", f"x@{DOMAIN},a,1G", "y@nowhere.example,a,", f"{anna},a,", f"X@{DOMAIN},b,"]
    lines += [f"z{i}@{DOMAIN},,1G" for i in range(30)]
    file.write_text("\n".join(lines))
    done = posthorn.run("account", "import", str(file), "--json")
    assert done.returncode == 2
    assert [json.loads(line)["line"] for line in done.stdout.splitlines()] == [3, 4, *range(5, 23)]
    assert "33 of 34 lines are wrong; nothing was imported" in done.stderr
    assert len(posthorn.rows("account", "list")) == 1


def test_import_takes_batches_back(posthorn, anna):
    """A name that an alias has is found by the directory only, in the third batch."""
    posthorn.good("alias", "add", f"taken@{DOMAIN}", anna)
    file = posthorn.directory / "people.csv"
    names = [f"p{i}" for i in range(420)] + ["taken"]
    file.write_text("\n".join(["address,hash", *(f"{name}@{DOMAIN},{HASH}" for name in names)]))
    assert "line 422" in posthorn.bad(2, "account", "import", str(file))
    assert len(posthorn.rows("account", "list")) == 1


def test_a_full_domain_takes_no_more_accounts(posthorn, anna):
    full = f"the domain {DOMAIN} has 2 accounts, and may have 2 at most"
    posthorn.good("domain", "set", DOMAIN, "--max-accounts", "2")
    row = posthorn.rows("domain", "show", DOMAIN)[0]
    assert (row["accounts"], row["max_accounts"]) == (1, 2)
    file = posthorn.directory / "people.csv"
    file.write_text("\n".join(["address,hash", *(f"p{i}@{DOMAIN},{HASH}" for i in range(2))]))
    assert f"line 3: {full}; nothing was imported" in posthorn.bad(2, "account", "import", str(file))
    posthorn.good("account", "add", f"bert@{DOMAIN}", text="secret\n")
    assert full in posthorn.bad(2, "account", "add", f"carl@{DOMAIN}", text="secret\n")
    assert full in posthorn.bad(2, "account", "rename", anna, f"anna.old@{DOMAIN}", "--renew")
    posthorn.good("domain", "add", "other.example")
    posthorn.good("account", "add", "carl@other.example", text="secret\n")
    assert full in posthorn.bad(2, "account", "rename", "carl@other.example", f"carl@{DOMAIN}")
    posthorn.good("account", "rename", anna, f"anne@{DOMAIN}")
    posthorn.good("domain", "set", DOMAIN, "--max-accounts", "0")
    posthorn.good("account", "rename", "carl@other.example", f"carl@{DOMAIN}")
    assert "at most" in posthorn.bad(2, "domain", "set", DOMAIN, "--max-accounts", "1000000001")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["account", "lst"], 'did you mean "account list"?'),
        (["acount", "list"], 'did you mean "account"?'),
        (["account", "list", "--jsn"], "did you mean --json?"),
        (["account", "list", "--yes"], "takes no --yes"),
        (["account", "add", f"b@{DOMAIN}", "--quota", "3Q"], "is not a size"),
        (["account", "add"], "usage: posthorn account add NAME@DOMAIN"),
        (["account", "show", f"a@{DOMAIN}", "b"], "one word too many"),
        (["account"], "`posthorn account --help`"),
        (["account", "import", "/nowhere.csv"], "cannot open /nowhere.csv"),
    ],
)
def test_wrong_words(posthorn, words, said):
    assert said in posthorn.bad(2, *words)


def test_every_command_has_help(posthorn):
    nouns = ["certificate", "domain", "account", "alias", "group", "share", "queue", "smart-host", "destination", "sieve", "plan"]
    seen = 0
    for noun in nouns:
        for line in posthorn.good(noun, "--help").splitlines():
            if line.startswith("  "):
                verb = line[2:26].split()
                text = posthorn.good(noun, *verb, "--help")
                assert text.startswith(f"usage: posthorn {noun} {' '.join(verb)}") and "\nExample:\n  posthorn" in text
                seen += 1
    for command in ("status", "doctor"):
        text = posthorn.good(command, "--help")
        assert text.startswith(f"usage: posthorn {command}") and f"\nExample:\n  posthorn {command}" in text
        seen += 1
    table = (Path(__file__).resolve().parents[2] / "src/admin/admin.h").read_text()
    table = table.split("#define ADMIN_COMMAND_TABLE(X)")[1].split("/* clang-format on */")[0]
    assert seen == table.count("X(")


def test_files_in_use_without_an_answer(posthorn):
    if posthorn.server is None:
        posthorn.good("account", "list")
        import fcntl

        with (posthorn.directory / "data" / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert "no server answers" in posthorn.bad(1, "account", "list")


def test_capabilities_are_switched_off_by_name(posthorn):
    posthorn.good("account", "add", f"anna@{DOMAIN}", text="secret\n")

    def off():
        return json.loads(posthorn.good("account", "show", f"anna@{DOMAIN}", "--json"))["imap_without"]

    assert off() == ""
    posthorn.good("account", "set", f"anna@{DOMAIN}", "--imap-without", "qresync, condstore,QRESYNC")
    assert off() == "QRESYNC CONDSTORE"
    said = posthorn.bad(2, "account", "set", f"anna@{DOMAIN}", "--imap-without", "IDLE,CONDSTOR")
    assert '"CONDSTOR" is no IMAP capability here; did you mean CONDSTORE?' in said
    assert "without IMAP4rev1 there is no IMAP" in posthorn.bad(
        2, "account", "set", f"anna@{DOMAIN}", "--imap-without", "IMAP4rev1"
    )
    assert off() == "QRESYNC CONDSTORE"
    posthorn.good("account", "set", f"anna@{DOMAIN}", "--imap-without", "none")
    assert off() == ""


def test_names_in_the_settings_are_checked(posthorn):
    text = posthorn.configuration.read_text()
    for line, said in [
        ("imap-without = IDEL", '"IDEL" is no IMAP capability here; did you mean IDLE?'),
        ("sasl-without = SCRAM-SHA1", '"SCRAM-SHA1" is no log-in mechanism here; did you mean SCRAM-SHA-1?'),
    ]:
        posthorn.configuration.write_text(text + line + "\n")
        done = posthorn.run("serve")
        assert done.returncode == 1 and said in done.stderr, done.stderr
