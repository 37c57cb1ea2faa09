"""TLSRPT (RFC 8460): how sessions went is counted, and told the next day, by mail and to a web page.

One signed zone, one house; a domain for each result. The day is ended by moving what was counted to the day before.
"""

import gzip
import json
import sqlite3
import time
from contextlib import closing
from email import message_from_bytes, policy

import pytest
from authority import Authority
from secure_world import PolicyHandler, PolicyServer
from server import free_ports, make_raw, running, wait_until
from signed_names import SignedNames
from sink import Sink

WRONG = "00112233" * 8
DOMAINS = ["good", "wrong", "clear", "plaintls", "opportune", "testing", "silent", "web", "postbox",
           "expired", "untrusted", "missing", "invalid", "unusable", "hidden"]  # fmt: skip
ADDRESSES = {name: f"127.0.3.{number}" for number, name in enumerate(DOMAINS, start=1)}
UNHEARD = ("silent", "web", "postbox")  # who gets no report by mail
LATER = ("wrong", "clear", "hidden")  # whose mail waits
POLICIES = {
    "testing": ("testing", "mx.testing.example"),
    "expired": ("testing", "mx.expired.example"),
    "untrusted": ("testing", "mx.untrusted.example"),
    "missing": (None, None),
    "invalid": ("perhaps", "mx.invalid.example"),
}
PAGE = "127.0.3.100"


class PageHandler(PolicyHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, self.headers["Content-Type"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Page(PolicyServer):
    """The server of policies, and a page that takes reports."""

    HANDLER = PageHandler

    def __init__(self, ca: Authority):
        super().__init__(ca, POLICIES, host=PAGE, also=("reports.web.example",))
        self.posted: list[tuple[str, str, bytes]] = []


def zone(port: int, page: Page, ca: Authority) -> str:
    right = f"3 1 1 {ca.key_digest('mx.good.example')}"
    lines = [f"{name} MX 10 mx.{name}\nmx.{name} A {address}" for name, address in ADDRESSES.items()]
    lines += [f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua=mailto:{name}@postbox.example"' for name in DOMAINS if name not in UNHEARD]
    lines += [f'_smtp._tls.web TXT "v=TLSRPTv1;rua=https://reports.web.example:{page.port}/take"', f"reports.web A {PAGE}"]
    lines += ['_smtp._tls.postbox TXT "v=TLSRPTv1;rua=mailto:x@postbox.example"']
    lines += [f"_{port}._tcp.mx.good TLSA {right}", f"_{port}._tcp.mx.wrong TLSA 3 1 1 {WRONG}", f"_{port}._tcp.mx.clear TLSA {right}"]
    lines += [f"_{port}._tcp.mx.postbox TLSA 3 1 1 {WRONG}"]
    lines += [f"_{port}._tcp.mx.unusable TLSA 1 1 1 {WRONG}", page.zone()]
    return "\n".join(lines) + "\n"


def send(server, domain: str) -> None:
    account = server.account()
    with server.smtp(account) as client:
        client.sendmail(account.address, [f"friend@{domain}.example"], make_raw(to=f"friend@{domain}.example"))


@pytest.fixture(scope="module")
def told():
    """Everything sent and a day ended: the reports by domain as (message, JSON), what was posted, and our server."""
    ca = Authority()
    port = free_ports(1)[0]
    secure = dict.fromkeys(("good", "wrong", "plaintls", "testing", "silent", "web", "unusable"), ca.certificate("mx.good.example"))
    secure["expired"] = ca.certificate("mx.expired.example", days=-1)
    secure["untrusted"] = Authority().certificate("mx.untrusted.example")
    with Page(ca) as page, SignedNames(zone(port, page, ca)) as names:
        settings = {"resolver": names.address, "dnssec-anchor": names.anchor, "outbound-port": str(port), "ca-file": str(ca.file)}
        settings |= {"mta-sts-port": str(page.port), "tls-reports": "yes"}
        with running(**settings) as server:
            yield report(server, page, port, secure)


def report(server, page, port: int, secure: dict) -> tuple[dict, list]:
    sinks = {name: Sink(ADDRESSES[name], port, tls=secure.get(name)) for name in DOMAINS}
    for sink in sinks.values():
        sink.__enter__()
    try:
        for name in DOMAINS:
            if name != "postbox":
                send(server, name)
        arriving = [sink for name, sink in sinks.items() if name not in (*LATER, "postbox")]
        wait_until("the mail", lambda: all(sink.messages for sink in arriving))
        wait_until("what fails", lambda: sum(row["state"] == "deferred" for row in server.rows("queue", "list")) == len(LATER))
        server.stop()
        with closing(sqlite3.connect(server.data / "tls_feedback.db", isolation_level=None)) as database:
            database.execute("UPDATE sighting SET day = day - 1")
        server.start()
        postbox = sinks["postbox"]
        wait_until("the reports", lambda: len(postbox.messages) == len(DOMAINS) - len(UNHEARD) and page.posted)
        server.stop()
        with closing(sqlite3.connect(server.data / "tls_feedback.db")) as database:
            left = database.execute("SELECT count(*) FROM sighting WHERE domain = CAST('postbox.example' AS BLOB)").fetchone()[0]
        server.start()
        reports = {}
        for sender, recipients, raw in postbox.messages:
            message = message_from_bytes(raw, policy=policy.default)
            reports[recipients[0].split("@")[0]] = (sender, message, read(message))
        return reports, page.posted, left
    finally:
        for sink in sinks.values():
            sink.__exit__()


def read(message) -> dict:
    part = message.get_payload()[1]
    assert part.get_content_type() == "application/tlsrpt+gzip"
    return json.loads(gzip.decompress(part.get_content()))


def policy_of(told, domain: str) -> dict:
    (found,) = told[0][domain][2]["policies"]
    return found


def test_report_is_a_mail_as_the_rfc_wants_it(told):
    """RFC 8460 5.3."""
    sender, message, content = told[0]["good"]
    assert sender == ""
    assert message.get_content_type() == "multipart/report" and message.get_param("report-type") == "tlsrpt"
    assert message["TLS-Report-Domain"] == "good.example" and message["TLS-Report-Submitter"] == "mail.demo.example"
    assert message["TLS-Required"] == "No" and message["To"] == "good@postbox.example"
    assert message["Subject"] == f"Report Domain: good.example Submitter: mail.demo.example Report-ID: <{content['report-id']}>"
    assert [part.get_content_type() for part in message.get_payload()] == ["text/plain", "application/tlsrpt+gzip"]
    submitter, domain, begin, end = message.get_payload()[1].get_filename().removesuffix(".json.gz").split("!")
    assert (submitter, domain) == ("mail.demo.example", "good.example") and int(end) - int(begin) == 86399


def test_report_has_the_fields_of_the_example(told):
    """RFC 8460 appendix B."""
    content = told[0]["wrong"][2]
    assert set(content) == {"organization-name", "date-range", "contact-info", "report-id", "policies"}
    yesterday = time.strftime("%Y-%m-%d", time.gmtime(int(told[0]["wrong"][1].get_payload()[1].get_filename().split("!")[2])))
    assert content["date-range"] == {"start-datetime": f"{yesterday}T00:00:00Z", "end-datetime": f"{yesterday}T23:59:59Z"}
    assert content["contact-info"] == "postmaster@mail.demo.example"
    (entry,) = content["policies"]
    assert set(entry) == {"policy", "summary", "failure-details"}
    assert entry["policy"] == {"policy-type": "tlsa", "policy-string": [f"3 1 1 {WRONG}"], "policy-domain": "wrong.example"}
    (detail,) = entry["failure-details"]
    count = detail.pop("failed-session-count")
    assert count >= 1
    assert entry["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": count}
    assert detail.pop("sending-mta-ip").startswith("127.")
    assert detail == {"result-type": "validation-failure", "receiving-mx-hostname": "mx.wrong.example", "receiving-ip": ADDRESSES["wrong"]}


@pytest.mark.parametrize(
    "domain, kind, good, result",
    [
        ("good", "tlsa", 1, None),
        ("clear", "tlsa", 0, "starttls-not-supported"),
        ("plaintls", "no-policy-found", 1, None),
        ("opportune", "no-policy-found", 0, "starttls-not-supported"),
        ("testing", "sts", 0, "certificate-host-mismatch"),
        ("expired", "sts", 0, "certificate-expired"),
        ("untrusted", "sts", 0, "certificate-not-trusted"),
        ("unusable", "tlsa", 0, "tlsa-invalid"),
        ("hidden", "tlsa", 0, "dnssec-invalid"),
    ],
)
def test_report_says_how_each_session_went(told, domain, kind, good, result):
    entry = policy_of(told, domain)
    assert entry["policy"]["policy-type"] == kind and entry["policy"]["policy-domain"] == f"{domain}.example"
    assert entry["summary"]["total-successful-session-count"] == good
    assert [detail["result-type"] for detail in entry.get("failure-details", [])] == ([result] if result else [])


@pytest.mark.parametrize("domain, result", [("missing", "sts-policy-fetch-error"), ("invalid", "sts-policy-invalid")])
def test_policy_that_could_not_be_had_is_told_beside_what_was_done_without(told, domain, result):
    """RFC 8460 4.3.2.2. The mail went without TLS, as it came."""
    policies = told[0][domain][2]["policies"]
    found = {policy["policy"]["policy-type"]: [detail["result-type"] for detail in policy["failure-details"]] for policy in policies}
    assert found == {"sts": [result], "no-policy-found": ["starttls-not-supported"]}


def test_policy_is_told_as_it_was_applied(told):
    told_of = policy_of(told, "testing")["policy"]
    assert told_of["policy-string"] == ["version: STSv1", "mode: testing", "mx: mx.testing.example", "max_age: 86400"]
    assert told_of["mx-host"] == ["mx.testing.example"]


def test_page_is_told_by_post(told):
    ((path, kind, body),) = told[1]
    assert (path, kind) == ("/take", "application/tlsrpt+gzip")
    (entry,) = json.loads(gzip.decompress(body))["policies"]
    assert entry["policy"]["policy-domain"] == "web.example" and entry["summary"]["total-successful-session-count"] == 1


def test_reports_go_out_whatever_policies_demand_and_are_not_counted(told):
    """The postbox has TLSA records, and no TLS at all (RFC 8460 3)."""
    assert len(told[0]) == len(DOMAINS) - len(UNHEARD) and told[2] == 0
