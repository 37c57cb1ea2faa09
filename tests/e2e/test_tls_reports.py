"""TLSRPT (RFC 8460): how sessions went is counted, and told the next day, by mail and to a web page.

One signed zone, one house; a domain for each result. The day is ended by moving what was counted to the day before.
"""

import gzip
import json
import sqlite3
import threading
import time
from contextlib import closing
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from authority import Authority
from server import free_ports, make_raw, running, wait_until
from signed_names import SignedNames
from sink import Sink

WRONG = "00112233" * 8
DOMAINS = ["good", "wrong", "clear", "plaintls", "opportune", "testing", "silent", "web", "postbox"]
ADDRESSES = {name: f"127.0.3.{number}" for number, name in enumerate(DOMAINS, start=1)}
PAGE = "127.0.3.100"
STS_TEXT = b"version: STSv1\nmode: testing\nmx: mx.testing.example\nmax_age: 86400\n"


class Page(ThreadingHTTPServer):
    """The server of a policy, and a page that takes reports."""

    def __init__(self, ca: Authority):
        super().__init__((PAGE, 0), PageHandler)
        self.posted: list[tuple[str, str, bytes]] = []
        self.socket = ca.certificate("mta-sts.testing.example", "reports.web.example").wrap_socket(self.socket, server_side=True)


class PageHandler(BaseHTTPRequestHandler):
    def reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.reply(STS_TEXT)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, self.headers["Content-Type"], body))
        self.reply(b"")

    def log_message(self, *_) -> None:
        pass


def zone(port: int, page_port: int, ca: Authority) -> str:
    right = f"3 1 1 {ca.key_digest('mx.good.example')}"
    lines = [f"{name} MX 10 mx.{name}\nmx.{name} A {address}" for name, address in ADDRESSES.items()]
    lines += [f'_smtp._tls.{name} TXT "v=TLSRPTv1; rua=mailto:{name}@postbox.example"' for name in DOMAINS if name not in ("silent", "web", "postbox")]
    lines += [f'_smtp._tls.web TXT "v=TLSRPTv1;rua=https://reports.web.example:{page_port}/take"', f"reports.web A {PAGE}"]
    lines += ['_smtp._tls.postbox TXT "v=TLSRPTv1;rua=mailto:x@postbox.example"']
    lines += [f"_{port}._tcp.mx.good TLSA {right}", f"_{port}._tcp.mx.wrong TLSA 3 1 1 {WRONG}", f"_{port}._tcp.mx.clear TLSA {right}"]
    lines += [f"_{port}._tcp.mx.postbox TLSA 3 1 1 {WRONG}"]
    lines += ['_mta-sts.testing TXT "v=STSv1; id=1"', f"mta-sts.testing A {PAGE}"]
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
    certificate = ca.certificate("mx.good.example")
    with Page(ca) as page:
        threading.Thread(target=page.serve_forever, args=(0.05,), daemon=True).start()
        with SignedNames(zone(port, page.server_address[1], ca)) as names:
            settings = {"resolver": names.address, "dnssec-anchor": names.anchor, "outbound-port": str(port), "ca-file": str(ca.file)}
            settings |= {"mta-sts-port": str(page.server_address[1]), "tls-reports": "yes"}
            with running(**settings) as server:
                yield report(server, page, port, certificate)
        page.shutdown()


def report(server, page, port: int, certificate) -> tuple[dict, list]:
    secure = {"good", "wrong", "plaintls", "testing", "silent", "web"}
    sinks = [Sink(ADDRESSES[name], port, tls=certificate if name in secure else None) for name in DOMAINS]
    for sink in sinks:
        sink.__enter__()
    try:
        for name in DOMAINS[:-1]:
            send(server, name)
        arriving = [sink for name, sink in zip(DOMAINS, sinks) if name not in ("wrong", "clear", "postbox")]
        wait_until("the mail", lambda: all(sink.messages for sink in arriving))
        wait_until("what fails", lambda: sum(row["state"] == "deferred" for row in server.rows("queue", "list")) == 2)
        server.stop()
        with closing(sqlite3.connect(server.data / "tls_feedback.db", isolation_level=None)) as database:
            database.execute("UPDATE sighting SET day = day - 1")
        server.start()
        postbox = sinks[-1]
        wait_until("the reports", lambda: len(postbox.messages) == 6 and page.posted)
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
        for sink in sinks:
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
    ],
)
def test_report_says_how_each_session_went(told, domain, kind, good, result):
    entry = policy_of(told, domain)
    assert entry["policy"]["policy-type"] == kind and entry["policy"]["policy-domain"] == f"{domain}.example"
    assert entry["summary"]["total-successful-session-count"] == good
    assert [detail["result-type"] for detail in entry.get("failure-details", [])] == ([result] if result else [])


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
    assert len(told[0]) == 6 and told[2] == 0
