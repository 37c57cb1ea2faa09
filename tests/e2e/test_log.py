"""One grep follows a connection through the house: the session's id is the same in edge and in store."""

from server import make_raw, wait_until

SETTINGS = {"log-level": "debug"}


def test_a_delivery_can_be_followed(server, anna):
    before = server.log_file.stat().st_size
    server.deliver(anna, make_raw())
    server.messages(anna)
    filed = wait_until("the filing in the log", lambda: server.events("queue.filed", before, to=anna.address))[0]
    trail = [record for record in server.log_records(before) if record.get("session") == filed["session"]]
    assert {record["event"] for record in trail} >= {"edge.connect", "queue.accepted", "queue.filed"}
    assert {record["process"] for record in trail} == {"edge", "store"}
    assert [record["time"] for record in trail] == sorted(record["time"] for record in trail)
    others = [record for record in server.events("edge.connect", before) if record["session"] != filed["session"]]
    assert others, "the reader's session has an id of its own"


def test_a_log_in_can_be_followed(server, anna):
    before = server.log_file.stat().st_size
    with server.imap(anna, "INBOX") as client:
        client.xatom("ID", '("name" "e2e" "version" "1")')
    seen = wait_until("the client's name in the log", lambda: server.events("imap.client", before, name="e2e"))[0]
    trail = [record for record in server.log_records(before) if record.get("session") == seen["session"]]
    assert {record["event"] for record in trail} >= {"edge.connect", "login.ok", "imap.client"}
    assert {record["process"] for record in trail} == {"edge", "store"}


def test_no_password_is_ever_logged(server, anna, bert):
    server.smtp(anna).quit()
    server.imap(anna).logout()
    server.pop3(anna).quit()
    assert anna.password not in server.log()
