"""A domain split with another server: who is known here is here, the rest is there, and is asked about beforehand."""

import pytest
from names import Names
from postfix import Postfix
from server import HOST, Account, Server, make_raw, running, wait_until
from sink import Sink

PEER = "peer.example"  # split with Postfix, which knows max


@pytest.fixture(scope="module")
def house():
    with Names({("exchange.example", "A"): ["127.0.0.42"]}) as names:
        with running(**{"resolver": names.address, "outbound-port": "1"}) as server:
            yield server


def split(house: Server, domain: str, sink, *options: str) -> Account:
    """A domain with one account here, and all others at the sink."""
    house.admin("domain", "add", domain, "--no-dkim")
    house.admin("domain", "set", domain, "--rest-to", f"[{sink.address}]:{sink.port}", *options)
    here = Account(f"here@{domain}", "secret")
    house.admin("account", "add", here.address, "--password-stdin", password=here.password)
    return here


def stranger(house: Server, recipient: str, raw: bytes | None = None) -> tuple[int, bytes]:
    """What RCPT, or the message, is answered."""
    with house.smtp(protocol="smtp") as client:
        client.ehlo()
        client.mail("someone@elsewhere.example")
        code, text = client.rcpt(recipient)
        if code != 250 or raw is None:
            return code, text
        return client.data(raw)


def wait_for(predicate):
    return wait_until("the mail", predicate)


def questions(sink: Sink) -> int:
    return sum(command.upper().startswith("MAIL FROM:<>") for command in sink.commands)


def test_who_is_known_here_is_here_and_the_rest_is_there(house):
    with Sink("127.0.0.41") as sink:
        here = split(house, "two.example", sink)
        raw = make_raw(to=here.address)
        assert stranger(house, here.address, raw)[0] == 250
        assert house.messages(here)[0].endswith(raw)
        assert sink.connections == 0
        assert stranger(house, "There@two.example", raw)[0] == 250
        wait_for(lambda: sink.messages)
        sender, recipients, body = sink.messages[0]
        assert (sender, recipients) == ("someone@elsewhere.example", ["There@two.example"])
        assert body.endswith(raw)
        assert questions(sink) == 1
        assert stranger(house, "There@two.example", raw)[0] == 250
        wait_for(lambda: len(sink.messages) == 2)
        assert questions(sink) == 1  # it was known


def test_nobody_anywhere_is_refused_at_once(house):
    with Sink("127.0.0.43", RCPT="550 5.1.1 no such person") as sink:
        split(house, "no.example", sink)
        code, text = stranger(house, "who@no.example")
        assert code == 550 and text.startswith(b"5.1.1 ")
        assert stranger(house, "who@no.example")[0] == 550
        assert questions(sink) == 1 and sink.messages == []


@pytest.mark.parametrize("number, replies", enumerate([{"RCPT": "450 4.2.1 later"}, {"MAIL": "550 5.7.1 not from you"}, {"GREETING": "HANG UP"}]))
def test_an_answer_that_says_nothing_is_for_later(house, number, replies):
    with Sink("127.0.0.44", **replies) as sink:
        split(house, f"later{number}.example", sink)
        code, text = stranger(house, f"there@later{number}.example")
        assert code == 451 and text.startswith(b"4.4.1 ")


def test_a_dead_server_is_for_later_and_left_alone(house):
    with Sink("127.0.0.45") as sink:
        here = split(house, "dead.example", sink)
        sink.listener.server_close()
        assert stranger(house, "there@dead.example")[0] == 451
        assert stranger(house, here.address)[0] == 250
        assert house.events("send.callout", host="[127.0.0.45]")
        before = len(house.events("send.callout", host="[127.0.0.45]"))
        assert stranger(house, "other@dead.example")[0] == 451
        assert len(house.events("send.callout", host="[127.0.0.45]")) == before


def test_our_people_are_not_kept_waiting(house):
    """The other server does not answer: who submits is told by report, not at RCPT."""
    with Sink("127.0.0.46", RCPT="550 5.1.1 no such person") as sink:
        here = split(house, "people.example", sink)
        with house.smtp(here) as client:
            client.sendmail(here.address, ["who@people.example"], make_raw(to="who@people.example"))
        assert "Diagnostic-Code: smtp; 550 5.1.1 no such person" in house.messages(here)[0].decode()
        assert questions(sink) == 0


def test_a_group_reaches_people_on_both_sides(house):
    with Sink("127.0.0.47") as sink:
        here = split(house, "group.example", sink)
        house.admin("group", "add", "all@group.example", here.address, "there@group.example")
        assert stranger(house, "all@group.example", make_raw(to="all@group.example"))[0] == 250
        house.messages(here)
        wait_for(lambda: sink.messages)
        assert sink.messages[0][1] == ["there@group.example"]


def test_tls_as_for_smart_hosts(house):
    """Demanded and not offered: nothing is asked and nothing is sent."""
    with Sink("127.0.0.48") as sink:
        here = split(house, "tls.example", sink, "--rest-tls", "required")
        assert stranger(house, "there@tls.example")[0] == 451
        with house.smtp(here) as client:
            client.sendmail(here.address, ["there@tls.example"], make_raw(to="there@tls.example"))
        wait_for(lambda: any("TLS" in row["reason"] for row in house.queued("there@tls.example")))
        assert questions(sink) == 0 and sink.messages == []
        house.admin("queue", "drop", house.queued("there@tls.example")[0]["id"], "--yes")


def test_a_server_that_is_this_one_is_found_out(house):
    house.admin("domain", "add", "circle.example", "--no-dkim")
    house.admin("domain", "set", "circle.example", "--rest-to", f"[{HOST}]:{house.ports['smtp']}")
    assert stranger(house, "who@circle.example")[0] == 451
    assert any("this one" in str(event) for event in house.events("send.callout", host=f"[{HOST}]"))


def test_mail_that_goes_in_a_circle_ends(house):
    """The other server hands back what it was given, as often as it comes."""
    with Sink("127.0.0.49") as sink:
        split(house, "round.example", sink)
        raw = make_raw(to="there@round.example")
        hops = b"".join(b"Received: from a by b; Mon, 23 Nov 2026 00:00:00 +0000\r\n" for _ in range(60))
        assert stranger(house, "there@round.example", hops + raw)[0] == 250
        wait_for(lambda: not house.queued("there@round.example"))
        assert sink.messages == []


def test_the_setting_is_shown_and_goes(house):
    with Sink("127.0.0.50") as sink:
        split(house, "set.example", sink)
        assert house.rows("domain", "show", "set.example")[0]["rest_to"] == f"[127.0.0.50]:{sink.port}"
        assert "another server" in house.command("domain", "catch-all", "set.example", "here@set.example").stderr
        house.admin("domain", "set", "set.example", "--rest-to", "none")
        assert house.rows("domain", "show", "set.example")[0]["rest_to"] == ""
        assert stranger(house, "there@set.example")[0] == 550
        house.admin("domain", "catch-all", "set.example", "here@set.example")
        assert "catch-all" in house.command("domain", "set", "set.example", "--rest-to", "exchange.example").stderr
        assert "--rest-to" in house.command("domain", "set", "set.example", "--rest-tls", "required").stderr


def test_split_with_postfix(house):
    with Postfix(PEER, "127.0.0.42", ["max"], smtpd_recipient_restrictions="reject_unlisted_recipient, permit") as postfix:
        house.admin("domain", "add", PEER, "--no-dkim")
        house.admin("domain", "set", PEER, "--rest-to", f"exchange.example:{postfix.port}")
        raw = make_raw(to=f"max@{PEER}")
        assert stranger(house, f"max@{PEER}", raw)[0] == 250
        assert postfix.mail("max")[0].replace(b"\n", b"\r\n").endswith(raw)
        assert stranger(house, f"otto@{PEER}")[0] == 550
