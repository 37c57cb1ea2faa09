"""Messages of 5 and of 60 MB come out as they went in, by every door."""

import hashlib
import random

import pytest

from server import make_raw

SETTINGS = {"message-size-max": "100M"}
MEGABYTE = 1024 * 1024


def large(size: int) -> bytes:
    """Lines of text that can't be compressed away; some begin with a dot."""
    noise = random.Random(size).randbytes(size * 3 // 4).hex().encode()
    lines = [noise[at : at + 76] for at in range(0, size * 76 // 78, 76)]
    lines[::7] = [b"." + line[1:] for line in lines[::7]]
    return make_raw(body="") + b"\r\n".join(lines) + b"\r\n"


def digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@pytest.mark.parametrize("megabytes", [5, 60])
def test_comes_out_as_it_went_in(server, anna, bert, megabytes):
    raw = large(megabytes * MEGABYTE)
    with server.smtp(anna, "submissions") as client:
        client.sendmail(anna.address, [bert.address], raw)
    by_imap = server.messages(bert)[0]
    assert digest(by_imap[-len(raw) :]) == digest(raw)
    client = server.pop3(bert)
    by_pop3 = b"\r\n".join(client.retr(1)[1]) + b"\r\n"
    client.quit()
    assert digest(by_pop3) == digest(by_imap)
    with server.imap(bert, "INBOX") as client:
        status, data = client.append("Drafts", None, None, raw)
        assert status == "OK", data
        _, data = client.fetch("1", f"(RFC822.SIZE BODY.PEEK[]<{len(by_imap) - 100}.200>)")
        assert f"RFC822.SIZE {len(by_imap)}".encode() in data[0][0]
        assert data[0][1] == by_imap[-100:]
    assert digest(server.messages(bert, 1, "Drafts")[0]) == digest(raw)
