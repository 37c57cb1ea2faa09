"""One name guessed from many addresses: each has one guess, and the owner comes in from wherever he is."""

ATTACKERS = 25


def log_in(server, account, password: str, source: str) -> str:
    with server.wire("imap", source=source) as wire:
        wire.line()
        return wire.imap("a1", f'LOGIN {account} "{password}"')[-1]


def test_a_crowd_does_not_keep_the_owner_out(server, anna, bert):
    assert " OK" in log_in(server, anna, anna.password, "127.0.0.1")
    for i in range(ATTACKERS):
        assert "AUTHENTICATIONFAILED" in log_in(server, anna, "guess", f"127.{1 + i}.0.9")
    assert "[LIMIT]" in log_in(server, anna, anna.password, "127.1.0.9")
    assert "AUTHENTICATIONFAILED" in log_in(server, bert, "guess", "127.1.0.9")
    assert " OK" in log_in(server, anna, anna.password, "127.99.0.1")
    for _ in range(2):
        assert "AUTHENTICATIONFAILED" in log_in(server, anna, "mistyped", "127.0.0.77")
    assert " OK" in log_in(server, anna, anna.password, "127.0.0.77")
