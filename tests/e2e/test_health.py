"""What is counted, as Prometheus and a load balancer see it."""

import json
import os
import shutil
import signal
import socket
import subprocess

import pytest
from server import HOST, Server, free_ports, wait_until


@pytest.fixture(scope="module")
def house():
    port = free_ports(1)[0]
    server = Server(**{"health-listen": str(port)})
    server.health_port = port
    try:
        server.start()
        server.admin("domain", "add", "demo.example")
        yield server
    finally:
        server.close()


def get(server, path, raw=None):
    request = raw if raw is not None else f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    with socket.create_connection((HOST, server.health_port), timeout=10) as connection:
        connection.sendall(request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode(), head.decode()


def metrics(server):
    status, body, _ = get(server, "/metrics")
    assert status == 200
    lines = [line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def rise(before, after, name):
    return after[name] - before[name]


def test_mail_and_log_ins_are_counted(house):
    anna = house.account()
    before = metrics(house)
    house.deliver(anna, b"Subject: one\r\n\r\nbody\r\n")
    assert house.messages(anna)
    smtp = house.smtp(protocol="smtp")
    smtp.ehlo("a.example")
    smtp.mail("a@b.example")
    assert smtp.rcpt("nobody@demo.example")[0] == 550
    assert smtp.rcpt("else@where.example")[0] == 550
    smtp.quit()
    with pytest.raises(Exception):
        house.imap(type(anna)(anna.address, "wrong"))
    after = metrics(house)
    assert rise(before, after, 'posthorn_deliveries_total{result="filed"}') == 1
    assert sum(rise(before, after, name) for name in after if name.startswith("posthorn_messages_total")) == 1
    assert rise(before, after, 'posthorn_smtp_refusals_total{reason="unknown-recipient"}') == 1
    assert rise(before, after, 'posthorn_smtp_refusals_total{reason="no-relay"}') == 1
    assert rise(before, after, 'posthorn_logins_total{protocol="imap",result="ok"}') >= 1
    assert rise(before, after, 'posthorn_logins_total{protocol="imap",result="wrong"}') == 1
    assert rise(before, after, 'posthorn_sync_seconds_count{of="queue"}') >= 1
    assert rise(before, after, 'posthorn_network_bytes_total{direction="in"}') > 100
    assert after["posthorn_disk_free_bytes"] > 0
    assert after["posthorn_certificate_expiry_timestamp_seconds"] > 1.7e9


def test_sessions_are_counted_once_wherever_they_are(house):
    anna = house.account()
    name = 'posthorn_sessions{protocol="imap",tls="yes"}'
    wait_until("earlier sessions to end", lambda: metrics(house)[name] == 0)
    with house.wire("imap") as stranger:
        assert stranger.line().startswith(b"* OK")
        assert metrics(house)['posthorn_sessions{protocol="imap",tls="no"}'] == 1
        client = house.imap(anna)
        assert metrics(house)[name] == 1
        client.logout()
    wait_until("the sessions to end", lambda: metrics(house)[name] == 0)
    wait_until("the stranger to be gone", lambda: metrics(house)['posthorn_sessions{protocol="imap",tls="no"}'] == 0)


def test_promtool_has_nothing_to_say(house):
    promtool = shutil.which("promtool")
    assert promtool, "apt install prometheus"
    _, body, head = get(house, "/metrics")
    assert "text/plain; version=0.0.4" in head
    check = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, text=True, check=False)
    assert (check.returncode, check.stdout + check.stderr) == (0, "")


def test_curl_gets_health(house):
    url = f"http://{HOST}:{house.health_port}/health"
    answer = subprocess.run(["curl", "-sS", "-w", "%{http_code}", url], capture_output=True, text=True, check=True)
    health = json.loads(answer.stdout[:-3])
    assert answer.stdout[-3:] == "200"
    # The test's certificate lives for two days.
    assert [problem["what"] for problem in health["problems"] if problem["what"] != "disk-space"] == ["certificate"]
    assert health["status"] == "warning"


@pytest.mark.parametrize(
    "raw, status",
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"GET /metrics HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /metrics HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
def test_other_requests_are_refused(house, raw, status):
    assert get(house, None, raw)[0] == status


def test_a_worker_that_died_is_seen_and_its_counts_stay(house):
    before = metrics(house)
    os.kill(house.worker("edge"), signal.SIGKILL)
    wait_until("edge", lambda: house.greets("imap") and get(house, "/metrics")[0] == 200)
    after = metrics(house)
    assert rise(before, after, 'posthorn_process_deaths_total{process="edge"}') == 1
    assert rise(before, after, 'posthorn_logins_total{protocol="imap",result="ok"}') == 0
    assert before['posthorn_logins_total{protocol="imap",result="ok"}'] > 0
    assert after['posthorn_sessions{protocol="imap",tls="yes"}'] == 0


def test_health_fails_while_store_does_not_answer(house):
    store = house.worker("store")
    os.kill(store, signal.SIGKILL)
    statuses = []

    def back():
        statuses.append(get(house, "/health")[0])
        return get(house, "/health/live")[0] == 200 and statuses[-1] == 200

    wait_until("store", back)
    assert get(house, "/health/ready")[0] == 200


def test_a_port_alone_is_this_machines(house):
    record = house.events("supervisor.ready")
    assert record
    listening = subprocess.run(["ss", "-ltnH", f"sport = :{house.health_port}"], capture_output=True, text=True, check=False)
    if listening.returncode == 0 and listening.stdout:
        assert f"127.0.0.1:{house.health_port}" in listening.stdout


def test_status_is_one_screen(house):
    screen = house.admin("status")
    assert screen.startswith("posthorn ") and screen.count("\n") < 50
    for word in ("PROCESS", "SESSIONS", "IN THE LAST", "QUEUE", "Disk", "certificate: a certificate expires in"):
        assert word in screen
    status = json.loads(house.admin("status", "--json"))
    assert {row["process"]: row["pid"] for row in status["processes"]}["store"] == house.worker("store")
    wait_until("memory to be measured", lambda: json.loads(house.admin("status", "--json"))["processes"][3]["memory"] > 0)
    assert status["disk"]["free"] > 0
    anna = house.account()
    house.deliver(anna, b"Subject: one\r\n\r\nbody\r\n")
    assert house.messages(anna)
    later = json.loads(house.admin("status", "--json"))
    assert later["five-minutes"]["filed"] == status["five-minutes"]["filed"] + 1
    assert later["minute"]["logins"] > status["minute"]["logins"]


def test_status_says_when_no_server_runs(house):
    house.config.with_name("other.conf").write_text(
        house.config.read_text().replace(str(house.run), str(house.directory / "nowhere"))
    )
    command = [str(house.process.args[0]), "-c", str(house.config.with_name("other.conf")), "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == "" and "no server runs" in done.stderr
    assert "Example:" in subprocess.run([*command, "--help"], capture_output=True, text=True, check=True).stdout
