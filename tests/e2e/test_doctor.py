"""`posthorn doctor`: a house in order has no error; what is broken is found, with its cure."""

import json
import os
import socket
import subprocess

import pytest
from dns_zone import Zone
from server import DOMAIN, HOST, Server, is_root

BINARY = os.environ.get("POSTHORN", "build/posthorn")
MAIL = f"mail.{DOMAIN}"
GOOD = {
    (MAIL, "A"): [HOST],
    (DOMAIN, "MX"): [f"10 {MAIL}"],
    (DOMAIN, "TXT"): ["unrelated", "v=spf1 mx -all"],
    (f"_dmarc.{DOMAIN}", "TXT"): [f"v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}"],
    (f"_smtp._tls.{DOMAIN}", "TXT"): [f"v=TLSRPTv1; rua=mailto:postmaster@{DOMAIN}"],
}


@pytest.fixture(scope="module")
def house():
    zone = Zone(dict(GOOD))
    server = Server(resolver=f"127.0.0.1:{zone.port}")
    server.zone = zone
    for label, protocol in (("_imaps", "imaps"), ("_submissions", "submissions"), ("_pop3s", "pop3s")):
        zone.records[f"{label}._tcp.{DOMAIN}", "SRV"] = [f"0 1 {server.ports[protocol]} {MAIL}"]
    server.services = {key: value for key, value in zone.records.items() if key[1] == "SRV"}
    server.signing = []
    try:
        server.start()
        server.admin("domain", "add", DOMAIN)
        for row in server.rows("domain", "dkim", "record", DOMAIN):
            server.services[row["name"], "TXT"] = [row["record"]]
            server.signing.append(row["name"])
        zone.records.update(server.services)
        yield server
    finally:
        server.close()
        zone.close()


@pytest.fixture(autouse=True)
def good_zone(house):
    yield
    house.zone.records = {**GOOD, **house.services}


def examine(house, *options, config=None):
    command = [BINARY, "-c", str(config or house.config), "doctor", "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == (1 if any(f["level"] == "error" for f in findings) else 0), done.stderr
    return findings


def of(findings, check, *levels):
    return [f for f in findings if f["check"] == check and f["level"] in (levels or ("warning", "error"))]


def test_a_good_house_has_no_error(house):
    findings = examine(house)
    assert [f for f in findings if f["level"] == "error"] == []
    assert of(findings, "domains") == []
    assert [f["what"] for f in findings if f["check"] == "ports"] == ["every listener is in place"]
    for finding in findings:
        assert finding["level"] == "ok" or finding["why"] or finding["do"], finding


def test_names_what_is_missing_in_the_dns(house):
    house.zone.records = {(MAIL, "A"): [HOST], (DOMAIN, "MX"): ["10 mx.elsewhere.example"], (DOMAIN, "TXT"): ["v=spf1 -all"]}
    findings = examine(house)
    cures = {f["do"] for f in of(findings, "domains", "error", "warning", "advice")}
    assert f"{DOMAIN}. IN MX 10 {MAIL}." in cures
    assert f'_dmarc.{DOMAIN}. IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}"' in cures
    assert f"_imaps._tcp.{DOMAIN}. IN SRV 0 1 {house.ports['imaps']} {MAIL}." in cures
    assert any(f"a:{MAIL}" in cure for cure in cures)
    assert [f["what"] for f in of(findings, "domains", "error")] == [
        f"mail for {DOMAIN} goes to mx.elsewhere.example, not to {MAIL}",
        f"the SPF record of {DOMAIN} does not let this server send from {HOST}: fail",
        *(f"the key with which mail is signed is not at {name}: the DNS has no such record" for name in house.signing),
    ]


def test_reverse_names_must_lead_back(house):
    house.zone.records[MAIL, "A"] = ["198.18.0.1"]
    assert "198.18.0.1 has no name in the reverse DNS" in [f["what"] for f in of(examine(house), "host-name")]
    house.zone.records["1.0.18.198.in-addr.arpa", "PTR"] = ["other.example"]
    found = of(examine(house), "host-name")
    assert [f["what"] for f in found] == [f"198.18.0.1 is named other.example in the reverse DNS, not {MAIL}"]
    assert f"1.0.18.198.in-addr.arpa. IN PTR {MAIL}." in found[0]["do"]
    house.zone.records["1.0.18.198.in-addr.arpa", "PTR"] = [MAIL]
    assert of(examine(house), "host-name") == []


def test_two_spf_records_are_an_error(house):
    house.zone.records[DOMAIN, "TXT"] = ["v=spf1 mx -all", "v=spf1 a -all"]
    assert [f["what"] for f in of(examine(house), "domains", "error")] == [f"{DOMAIN} has 2 SPF records"]


def test_an_open_key_is_found(house):
    key = house.directory / "key.pem"
    mode = key.stat().st_mode
    try:
        key.chmod(0o644)
        found = of(examine(house), "keys", "error")
        assert f"chmod o= {key}" in found[0]["do"]
    finally:
        key.chmod(mode & 0o770)
    assert of(examine(house), "keys") == []


def test_an_open_data_directory_is_found(house):
    house.data.chmod(0o755)
    try:
        found = of(examine(house), "directories", "error")
        assert found[0]["do"] == f"chmod 700 {house.data}"
    finally:
        house.data.chmod(0o700)


def write_config(house, name, **changes):
    """The house's settings for another one, which does not run."""
    lines = [line for line in house.config.read_text().splitlines() if line.split(" ")[0] not in changes]
    lines += [f"{key} = {value}" for key, values in changes.items() for value in values]
    config = house.directory / name
    config.write_text("\n".join(lines) + "\n")
    return config


def test_a_taken_port_is_found_with_its_owner(house):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        config = write_config(
            house, "taken.conf", run=[house.directory / "nowhere"], data=[house.directory / "nodata"],
            listen=[f"smtp {HOST}:{port}"],
        )  # fmt: skip
        findings = examine(house, config=config)
        found = of(findings, "ports", "error")
        assert f"process {os.getpid()})" in found[0]["what"] and f"port {port} (smtp) is taken by" in found[0]["what"]
        assert of(findings, "ports", "warning")[0]["what"] == "the server does not run"
    assert of(examine(house, config=config), "ports", "error") == []
    assert not (house.directory / "nodata").exists()


def test_another_key_and_an_old_certificate_are_found(house):
    directory = house.directory
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-keyout", directory / "other.key",
         "-out", directory / "other.pem", "-subj", "/CN=other.example"], check=True, capture_output=True,
    )  # fmt: skip
    config = write_config(house, "keys.conf", certificate=[f"{directory}/other.pem {directory}/key.pem"])
    findings = examine(house, config=config)
    assert "is not that of the certificate" in of(findings, "certificates", "error")[0]["what"]
    assert of(findings, "certificate-name", "error")[0]["what"] == f"no certificate is for {MAIL}"
    assert any("expires in" in f["what"] for f in of(examine(house), "certificates", "warning"))


def test_lists_that_are_none_are_found(house):
    house.zone.records |= {
        ("2.0.0.127.good.example", "A"): ["127.0.0.2"],
        ("test.names.example", "A"): ["127.0.0.2"],
        ("2.0.0.127.all.example", "A"): ["127.0.0.2"],
        ("1.0.0.127.all.example", "A"): ["127.0.0.2"],
        ("2.0.0.127.no.example", "A"): ["127.255.255.254"],
    }
    lists = [f"{name}.example reject" for name in ("good", "all", "no", "gone")]
    config = write_config(house, "lists.conf", **{"block-list": lists, "domain-list": ["names.example mark"]})
    assert [f["what"] for f in of(examine(house, config=config), "lists")] == [
        "the list all.example has everybody",
        "the list no.example does not want to answer us",
        "the list gone.example does not have 2.0.0.127, as every list does",
    ]


def test_milters_that_are_out_of_reach_are_found(house):
    path = house.directory / "milter.sock"
    config = write_config(house, "milters.conf", milter=[f"unix:{path}"])
    assert [f["what"] for f in of(examine(house, config=config), "milters")] == [f"the milter at unix:{path} can't be reached"]
    with socket.socket(socket.AF_UNIX) as milter:
        milter.bind(str(path))
        milter.listen()
        if is_root():
            path.chmod(0o660)
            found = of(examine(house, config=config), "milters")
            assert [f["what"] for f in found] == [f"posthorn-relay may not connect to the milter at unix:{path}"]
        path.chmod(0o666)
        assert of(examine(house, config=config), "milters") == []


def test_a_damaged_database_is_found(house):
    data = house.directory / "damaged"
    data.mkdir(mode=0o700, exist_ok=True)
    (data / "queue.db").write_bytes(b"this is no database" * 100)
    config = write_config(house, "damaged.conf", run=[house.directory / "nowhere"], data=[data])
    found = of(examine(house, config=config), "databases", "error")
    assert found[0]["what"] == f"{data}/queue.db is no SQLite database"


def test_domains_are_found_without_a_server(house):
    if not is_root():
        pytest.skip("needs a second house")
    other = Server(resolver=f"127.0.0.1:{house.zone.port}")
    try:
        other.admin("domain", "add", "second.example")
        found = of(examine(other), "domains", "error")
        assert found[0]["what"] == "second.example has no MX record"
    finally:
        other.close()


def test_people_read_it_as_text(house):
    done = subprocess.run([BINARY, "-c", str(house.config), "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "ok       ports: every listener is in place\n" in done.stdout
    assert "         > " in done.stdout
