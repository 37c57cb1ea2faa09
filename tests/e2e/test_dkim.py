"""DKIM against Debian's dkimpy, both ways, with many generated messages; and what leaves a house, with its keys."""

import base64
import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from names import Names
from server import BINARY, DOMAIN, Server, make_raw, running, wait_until
from sink import Sink

dkim = pytest.importorskip("dkim", reason="python3-dkim")

PROBE = Path(os.environ.get("DKIM_PROBE", Path(BINARY).parent / "tests" / "probe" / "dkim_probe"))
SEED = 6376
MESSAGES = 150
ALGORITHMS = {"r": "rsa-sha256", "e": "ed25519-sha256"}


def openssl(*words: str) -> bytes:
    return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout


class Key:
    """A key pair as dkimpy and as we want it."""

    def __init__(self, selector: str, directory: Path):
        self.selector = selector
        self.algorithm = ALGORITHMS[selector]
        path = self.path = directory / f"{selector}.pem"
        kind = ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if selector == "r" else ["ED25519"]
        openssl("genpkey", "-algorithm", *kind, "-out", str(path))
        self.pkcs8 = base64.b64encode(openssl("pkcs8", "-topk8", "-nocrypt", "-in", str(path), "-outform", "DER")).decode()
        public = openssl("pkey", "-in", str(path), "-pubout", "-outform", "DER")
        if selector == "r":
            self.private = path.read_bytes()
            self.record = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()
        else:
            self.private = base64.b64encode(base64.b64decode(self.pkcs8)[-32:])
            self.record = "v=DKIM1; k=ed25519; p=" + base64.b64encode(public[-32:]).decode()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    directory = tmp_path_factory.mktemp("keys")
    return [Key(selector, directory) for selector in ALGORITHMS]


@pytest.fixture(scope="module")
def probe():
    process = subprocess.Popen([PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(**asked):
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    process.wait()


def names_of(keys) -> dict[str, str]:
    return {f"{key.selector}._domainkey.a.example": key.record for key in keys}


def by_dkimpy(message: bytes, names: dict[str, str]) -> list[bool]:
    """What dkimpy says of each signature."""
    verifier = dkim.DKIM(message)
    count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")

    def ask(name, timeout=5):
        return names.get(name.decode().rstrip("."), "").encode()

    def holds(at: int) -> bool:
        try:
            return dkim.DKIM(message).verify(idx=at, dnsfunc=ask)
        except dkim.ValidationError:
            return False

    return [holds(at) for at in range(count)]


def ours(probe, message: bytes, names: dict[str, str], step: int = 1000) -> list[list[str]]:
    return probe(do="verify", message=base64.b64encode(message).decode(), names=names, step=step)


# --- generated messages ---


def words(rng: random.Random, most: int) -> str:
    return "".join(rng.choice(["word", " ", "  ", "\t", "x", "ä", "=", ";", ":", "."]) for _ in range(rng.randrange(most)))


def field(rng: random.Random, name: str) -> str:
    folded = "".join(rng.choice(["\r\n ", "\r\n\t", " ", ""]) + "x" + words(rng, 6) for _ in range(rng.randrange(1, 4)))
    value = folded.replace("\r\n \r\n", "\r\n ")
    colon = rng.choice([":", ": ", ":  ", ":\t"])  # blanks before the colon are not in dkimpy's grammar
    return f"{name}{colon}{value}\r\n"


def body(rng: random.Random) -> str:
    lines = [rng.choice(["", "", " ", "\t ", ".", "..", "From x", words(rng, 12), "y" * rng.randrange(1200)]) for _ in range(rng.randrange(9))]
    end = rng.choice(["", "\r\n", "\r\n\r\n\r\n", " \r\n\r\n", "\r\n \r\n"])
    text = "\r\n".join(lines) + end
    # Blanks in a last line without an end: dkimpy keeps them, though DATA will end that line.
    return text + "\r\n" if text.endswith((" ", "\t")) else text


def message(rng: random.Random) -> bytes:
    names = ["Subject", "To", "Cc", "Date", "Message-ID", "MIME-Version", "Content-Type", "X-Other", "Received", "List-Id", "reply-to"]
    head = [field(rng, name) for name in rng.sample(names, rng.randrange(len(names)))]
    head += [field(rng, "Received") for _ in range(rng.randrange(3))]
    head.append("From: Somebody <somebody@a.example>\r\n")
    rng.shuffle(head)
    return ("".join(head) + "\r\n" + body(rng)).encode()


def test_what_we_sign_dkimpy_accepts(probe, keys):
    rng = random.Random(SEED)
    wanted = [{"domain": "a.example", "selector": key.selector, "private": key.pkcs8} for key in keys]
    for _ in range(MESSAGES):
        raw = message(rng)
        answer = probe(do="sign", message=base64.b64encode(raw).decode(), keys=wanted)
        signed = base64.b64decode(answer["fields"]) + raw
        assert by_dkimpy(signed, names_of(keys)) == [True, True], signed
        assert [result[0] for result in ours(probe, signed, names_of(keys), rng.randrange(1, 300))] == ["pass", "pass"], signed


def test_what_dkimpy_signs_we_accept(probe, keys):
    rng = random.Random(SEED + 1)
    for number in range(MESSAGES):
        key = keys[number % 2]
        raw = message(rng)
        forms = (rng.choice([b"relaxed", b"simple"]), rng.choice([b"relaxed", b"simple"]))
        signature = dkim.sign(
            raw, key.selector.encode(), b"a.example", key.private, canonicalize=forms, signature_algorithm=key.algorithm.encode()
        )
        results = ours(probe, signature + raw, names_of(keys), rng.randrange(1, 300))
        assert results == [["pass", "", "a.example", key.selector]], (forms, signature + raw)


def test_both_say_the_same_of_changed_messages(probe, keys):
    rng = random.Random(SEED + 2)
    verdicts = set()
    for number in range(MESSAGES):
        key = keys[number % 2]
        raw = message(rng)
        forms = (rng.choice([b"relaxed", b"simple"]), rng.choice([b"relaxed", b"simple"]))
        signature = dkim.sign(
            raw, key.selector.encode(), b"a.example", key.private, canonicalize=forms, signature_algorithm=key.algorithm.encode()
        )
        head, rest = raw.split(b"\r\n\r\n", 1)
        changed = rng.choice(
            [
                head + b"\r\nX-Added: 1\r\n\r\n" + rest,
                head.replace(b"Somebody", b"Somebodx") + b"\r\n\r\n" + rest,
                head.replace(b"Somebody <", b"Somebody  \t<") + b"\r\n\r\n" + rest,
                head + b"\r\n\r\n" + rest + b"\r\n",
                head + b"\r\n\r\n" + rest + b"x",
                head + b"\r\n\r\n" + rest.replace(b"\r\n", b" \r\n"),
                head + b"\r\n\r\n" + rest.replace(b" ", b"  "),
                head + b"\r\n\r\n" + rest.upper(),
            ]
        )
        [ours_says] = ours(probe, signature + changed, names_of(keys))
        theirs = by_dkimpy(signature + changed, names_of(keys))
        assert (ours_says[0] == "pass") == theirs[0], (forms, ours_says, signature + changed)
        verdicts.add(ours_says[0])
    assert verdicts == {"pass", "fail"}


# --- opendkim, the third opinion ---


class OpenDkim:
    """Debian's opendkim in its test mode: messages from files, the DNS from a table."""

    def __init__(self, directory: Path, keys):
        self.directory = directory
        table = directory / "dns"
        table.write_text("".join(f"{name} {record}\n" for name, record in names_of(keys).items()))
        self.verifying = self.configure("verify", ["Mode v", f"TestDNSData {table}", "LogWhy yes"])

    def configure(self, name: str, lines: list[str]) -> Path:
        path = self.directory / f"{name}.conf"
        path.write_text("\n".join(lines) + "\n")
        return path

    def run(self, configuration: Path, messages: list[bytes]) -> list[str]:
        """What it says of each message."""
        paths = []
        for number, raw in enumerate(messages):
            paths.append(self.directory / f"{number}.eml")
            paths[-1].write_bytes(raw)
        program = ["/usr/sbin/opendkim", "-x", configuration, "-t", ",".join(map(str, paths))]
        done = subprocess.run(program, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        said = (done.stdout + done.stderr).decode(errors="surrogateescape")
        parts = said.split("opendkim: ")[1:]
        return ["".join(part[len(f"{path}:") :] for part in parts if part.startswith(f"{path}:")) for path in paths]

    def verify(self, messages: list[bytes]) -> list[bool]:
        told = self.run(self.verifying, messages)
        assert all(("succeeded" in text) != ("failed" in text) for text in told), told
        return ["succeeded" in text for text in told]

    def sign(self, key, forms: str, messages: list[bytes]) -> list[bytes]:
        lines = ["Mode s", "Domain a.example", f"Selector {key.selector}", f"KeyFile {key.path}", "RequireSafeKeys no"]
        configuration = self.configure("sign", lines + [f"Canonicalization {forms}", f"SignatureAlgorithm {key.algorithm}"])
        fields = [text.strip().replace("\r\n", "\n") for text in self.run(configuration, messages)]
        assert all(field.startswith("DKIM-Signature: ") for field in fields), fields
        return [field.replace("\n", "\r\n").encode() + b"\r\n" + raw for field, raw in zip(fields, messages)]


def through_a_milter(raw: bytes) -> bytes:
    """As opendkim's test mode, and the milter protocol, can tell it: a blank after each colon, whole lines."""
    head, rest = raw.split(b"\r\n\r\n", 1)
    head = re.sub(rb"(?m)^([A-Za-z-]+):[ \t]*(\r\n[ \t]+)?", rb"\1: ", head)
    return head + b"\r\n\r\n" + rest + (b"" if rest.endswith(b"\r\n") else b"\r\n")


@pytest.fixture(scope="module")
def opendkim(tmp_path_factory, keys):
    return OpenDkim(tmp_path_factory.mktemp("opendkim"), keys)


def test_what_we_sign_opendkim_accepts(probe, keys, opendkim):
    rng = random.Random(SEED + 4)
    for key in keys:
        wanted = [{"domain": "a.example", "selector": key.selector, "private": key.pkcs8}]
        signed = []
        for _ in range(MESSAGES // 2):
            raw = through_a_milter(message(rng))
            answer = probe(do="sign", message=base64.b64encode(raw).decode(), keys=wanted)
            signed.append(base64.b64decode(answer["fields"]) + raw)
        assert opendkim.verify(signed) == [True] * len(signed)
        changed = [raw + b"x\r\n" for raw in signed]
        assert opendkim.verify(changed) == [False] * len(signed)


@pytest.mark.parametrize("forms", ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"])
def test_what_opendkim_signs_we_accept(probe, keys, opendkim, forms):
    """Its ed25519 signatures of simple headers don't hold, as it says itself when it is asked (2.11.0~beta2)."""
    rng = random.Random(SEED + 5)
    for key in keys:
        signed = opendkim.sign(key, forms, [through_a_milter(message(rng)) for _ in range(MESSAGES // 8)])
        holds = opendkim.verify(signed)
        assert all(holds) or (key.selector == "e" and forms.startswith("simple/"))
        for raw, good in zip(signed, holds):
            assert ours(probe, raw, names_of(keys))[0][0] == ("pass" if good else "fail"), raw
            assert ours(probe, raw + b"x\r\n", names_of(keys))[0][0] == "fail"


# --- ARC ---


def arc_by_dkimpy(message: bytes, names: dict[str, str]) -> str:
    def ask(name, timeout=5):
        return names.get(name.decode().rstrip("."), "").encode()

    status = dkim.ARC(message).verify(dnsfunc=ask)[0]
    return (status or b"fail").decode()  # it says nothing of a chain that is marked as failed


def our_arc(probe, message: bytes, names: dict[str, str]) -> list:
    return probe(do="arc", message=base64.b64encode(message).decode(), names=names)


def our_set(probe, message: bytes, key, status: str) -> bytes:
    signing = [{"domain": "a.example", "selector": key.selector, "private": key.pkcs8}]
    results = f"mail.a.example; spf=pass (x; y) smtp.mailfrom=b.example;\r\n\tarc={status}"
    answer = probe(do="seal", message=base64.b64encode(message).decode(), keys=signing, results=results)
    return base64.b64decode(answer["fields"])


def their_set(message: bytes, key, status: str) -> bytes:
    claimed = f"Authentication-Results: mail.b.example; arc={status}; spf=pass\r\n".encode()
    return b"".join(dkim.ARC(claimed + message).sign(key.selector.encode(), b"a.example", key.private, b"mail.b.example"))


def test_chains_of_both_are_accepted_by_both(probe, keys):
    rng = random.Random(SEED + 3)
    rsa = keys[0]
    for _ in range(MESSAGES // 5):
        sealed = message(rng)
        for number in range(rng.randrange(1, 5)):
            seal = rng.choice([lambda m, k, s: our_set(probe, m, k, s), their_set])
            added = seal(sealed, rsa, "pass" if number > 0 else "none")
            assert added
            sealed = added + sealed
            assert arc_by_dkimpy(sealed, names_of(keys)) == "pass", sealed
            assert our_arc(probe, sealed, names_of(keys)) == ["pass", "", number + 1], sealed
        for changed in (sealed + b"x", sealed.replace(b"spf=pass", b"spf=fail", 1), sealed.replace(b"cv=none", b"cv=pass")):
            assert arc_by_dkimpy(changed, names_of(keys)) == "fail", changed
            assert our_arc(probe, changed, names_of(keys))[0] == "fail", changed


# --- a house ---


@pytest.fixture(scope="module")
def house():
    records = {("elsewhere.example", "A"): ["127.0.0.1"]}
    # Nobody is trusted, so that what is delivered is judged as from outside.
    settings = {"trusted-networks": "none"}
    with Names(records) as names, Sink() as sink, running(
        **{"resolver": names.address, "outbound-port": str(sink.port)} | settings
    ) as server:
        server.names, server.sink = names, sink
        yield server


def publish(server, domain: str) -> dict[str, str]:
    """All keys of the domain, in the DNS of the house as well."""
    found = {row["name"]: row["record"] for row in server.rows("domain", "dkim", "record", domain)}
    for name, record in found.items():
        server.names.records[(name, "TXT")] = [record]
    return found


def sent(server, before: int) -> bytes:
    wait_until("the mail", lambda: len(server.sink.messages) > before)
    return server.sink.messages[before][2]


def keys_by_state(server, domain: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in server.rows("domain", "dkim", "list", domain):
        found.setdefault(row["state"], []).append(row["selector"])
    return found


@pytest.mark.parametrize("size", [10, 300_000])
def test_submitted_mail_leaves_signed(house, size):
    anna = house.account("anna")
    before = len(house.sink.messages)
    raw = b"From: " + anna.address.encode() + b"\r\n" + make_raw(to="friend@elsewhere.example").split(b"\r\n", 1)[1]
    with house.smtp(anna) as client:
        client.sendmail(anna.address, ["friend@elsewhere.example"], raw + b".dot\r\n" + b"line\r\n" * (size // 6) + b"\r\n\r\n")
    message = sent(house, before)
    assert by_dkimpy(message, publish(house, DOMAIN)) == [True, True]
    assert message.count(b"d=" + DOMAIN.encode()) == 2


def test_bounces_of_ours_are_signed(house):
    names = publish(house, DOMAIN)
    anna = house.account("anna")
    before = len(house.sink.messages)
    house.sink.replies["RCPT"] = ["550 5.1.1 no such person", "250 2.1.5 ok"]
    house.admin("account", "forward", anna.address, "--to", "who@elsewhere.example", "--keep-copy", "no")
    house.deliver(anna, make_raw(to=anna.address), sender="friend@elsewhere.example")
    message = sent(house, before)
    house.sink.replies["RCPT"] = "250 2.1.5 ok"
    assert b"Final-Recipient" in message
    assert by_dkimpy(message, names) == [True, True]


def test_forwarded_mail_gets_no_signature(house):
    anna = house.account("anna")
    house.admin("account", "forward", anna.address, "--to", "friend@elsewhere.example", "--keep-copy", "no")
    before = len(house.sink.messages)
    forged = f"From: boss@{DOMAIN}\r\n".encode() + make_raw(to=anna.address).split(b"\r\n", 1)[1]
    house.deliver(anna, forged)
    passed_on = sent(house, before)
    assert b"DKIM-Signature" not in passed_on
    # What was found when it came is sealed instead.
    assert b"ARC-Authentication-Results: i=1; mail." in passed_on
    assert arc_by_dkimpy(passed_on, publish(house, DOMAIN)) == "pass"


def test_chain_of_a_stranger_is_checked_and_continued(house, probe, keys):
    names = names_of(keys)
    for name, record in names.items():
        house.names.records[(name, "TXT")] = [record]
    anna = house.account("anna")
    house.admin("account", "forward", anna.address, "--to", "friend@elsewhere.example", "--keep-copy", "yes")
    raw = make_raw(to=anna.address)
    sealed = their_set(raw, keys[0], "none") + raw
    for body, status in ((b"", "pass"), (b"changed\r\n", "fail")):
        before = len(house.sink.messages)
        house.deliver(anna, sealed + body)
        passed_on = sent(house, before)
        assert f"arc={status}".encode() in passed_on and f"cv={status}".encode() in passed_on
        assert arc_by_dkimpy(passed_on, names | publish(house, DOMAIN)) == status
    assert b"arc=pass header.oldest-pass=0" in house.messages(anna, 2)[0]


def test_keys_take_turns(house):
    house.admin("domain", "add", "turns.example")
    first = keys_by_state(house, "turns.example")
    assert len(first["active"]) == 2 and set(first) == {"active"}
    house.admin("domain", "dkim", "rotate", "turns.example")
    waiting = keys_by_state(house, "turns.example")["pending"]
    done = house.command("domain", "dkim", "activate", "turns.example")
    assert done.returncode == 1 and "the DNS has no such record" in done.stdout + done.stderr
    assert keys_by_state(house, "turns.example")["active"] == first["active"]
    publish(house, "turns.example")
    # The resolver's cache is the command's own, so it sees them at once.
    house.admin("domain", "dkim", "activate", "turns.example")
    after = keys_by_state(house, "turns.example")
    assert sorted(after["active"]) == sorted(waiting) and sorted(after["retired"]) == sorted(first["active"])
    assert house.command("domain", "dkim", "remove", "turns.example", waiting[0]).returncode != 0
    house.admin("domain", "dkim", "remove", "turns.example", first["active"][0])
    house.admin("domain", "dkim", "remove", "turns.example", waiting[0], "--active")
    house.admin("domain", "remove", "turns.example")
    assert len(list((house.data / "keys" / "dkim").iterdir())) == len(house.rows("domain", "dkim", "list", DOMAIN))


def test_keys_that_wait_take_over_by_themselves():
    records = {("elsewhere.example", "A"): ["127.0.0.1"]}
    with Names(records) as names:
        server = Server(resolver=names.address)
        try:
            server.names = names
            server.admin("domain", "add", DOMAIN)
            server.admin("domain", "dkim", "rotate", DOMAIN)
            waiting = keys_by_state(server, DOMAIN)["pending"]
            publish(server, DOMAIN)
            names.records.pop((f"{waiting[0]}._domainkey.{DOMAIN}", "TXT"))
            server.start()
            wait_until("the key's turn", lambda: waiting[1] in keys_by_state(server, DOMAIN)["active"])
            assert keys_by_state(server, DOMAIN)["pending"] == waiting[:1]
            assert [e["selector"] for e in server.events("directory.key_activated")] == waiting[1:]
            server.stop()
        finally:
            server.close()


def test_records_are_lines_of_a_zone_file(house):
    text = house.admin("domain", "add", "zone.example")
    lines = [line for line in text.splitlines() if "._domainkey." in line]
    for line in lines:
        name, record = line.split(" IN TXT ")
        strings = [part for part in record.split('"') if part.strip()]
        assert name.endswith("._domainkey.zone.example.") and all(len(part) <= 255 for part in strings)
    assert len(lines) == 2 and "domain dkim" not in text
    assert house.admin("domain", "dkim", "record", "zone.example").splitlines() == lines
    house.admin("domain", "add", "plain.example", "--no-dkim")
    assert house.rows("domain", "dkim", "list", "plain.example") == []
