"""Nobody says anything: a name server that does not answer, and a host that does not take the connection. The mail waits.

Both are waited for at the same time, for as long as the program does: half a minute.
"""

import socket
from contextlib import ExitStack

import pytest
from names import Names
from server import make_raw, running, wait_until
from sink import Sink

ADDRESS = "127.0.0.61"
RECORDS = {
    ("silent.example", "MX"): "SILENT",
    ("hanging.example", "A"): [ADDRESS],
    ("next.example", "MX"): ["10 hanging.example", "20 there.example"],
    ("there.example", "A"): ["127.0.0.62"],
}
PATIENCE_SECONDS = 100


def hang(stack: ExitStack, port: int) -> None:
    """A listener that is full: what connects to it from now on hears nothing."""
    listener = stack.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ADDRESS, port))
    listener.listen(0)
    for _ in range(4):
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex((ADDRESS, port))


@pytest.fixture(scope="module")
def house():
    with ExitStack() as stack:
        sink = stack.enter_context(Sink("127.0.0.62"))
        hang(stack, sink.port)
        names = stack.enter_context(Names(RECORDS))
        settings = {"resolver": names.address, "outbound-port": str(sink.port), "dnssec-anchor": "none", "mta-sts-port": "off"}
        server = stack.enter_context(running(**settings))
        anna = server.account("anna")
        for domain in ("silent.example", "hanging.example", "next.example"):
            with server.smtp(anna) as client:
                client.sendmail(anna.address, [f"friend@{domain}"], make_raw(to=f"friend@{domain}"))
        server.sink = sink
        yield server


def reason(house, domain: str) -> str:
    def told():
        rows = house.queued(f"friend@{domain}")
        return rows and rows[0]["state"] == "deferred" and rows[0]["reason"]

    return wait_until("the end of the attempt", told, seconds=PATIENCE_SECONDS)


def test_a_name_server_that_does_not_answer(house):
    assert "silent.example" in reason(house, "silent.example")


def test_a_host_that_does_not_take_the_connection(house):
    assert ADDRESS in reason(house, "hanging.example")


def test_the_next_host_is_tried_after_one_that_hangs(house):
    wait_until("the mail", lambda: house.sink.messages, seconds=PATIENCE_SECONDS)
    assert house.sink.messages[0][1] == ["friend@next.example"]
