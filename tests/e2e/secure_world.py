"""A house whose names are signed, and a server of MTA-STS policies: for tests of who may have mail for whom.

    with PolicyServer(ca, {"a": ("enforce", "mx.a.example")}) as policies: ... policies.port
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from server import make_raw, wait_until
from sink import Sink

POLICY_HOST = "127.0.2.1"


class PolicyHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.headers["Host"].split(":")[0].removeprefix("mta-sts.").removesuffix(".example")
        mode, host = self.server.policies.get(name, (None, None))
        body = f"version: STSv1\r\nmode: {mode}\r\nmx: {host}\r\nmax_age: 86400\r\n".encode()
        found = mode is not None and self.path == "/.well-known/mta-sts.txt"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


class PolicyServer(ThreadingHTTPServer):
    """policies: the mode of each domain's policy, and the host that it names. Its certificate is for all but `untrusted`, and for `also`."""

    HANDLER = PolicyHandler

    def __init__(self, ca, policies: dict[str, tuple[str, str]], untrusted: tuple[str, ...] = (), host: str = POLICY_HOST, also: tuple[str, ...] = ()):
        super().__init__((host, 0), self.HANDLER)
        self.policies, self.host, self.port = policies, host, self.server_address[1]
        names = [f"mta-sts.{name}.example" for name in policies if name not in untrusted]
        self.socket = ca.certificate(*names, *also).wrap_socket(self.socket, server_side=True)

    def zone(self, below: str = "") -> str:
        """The records by which the policies are found: of those domains that stand in the zone of example., or of that one below it."""
        names = [name.removesuffix(f".{below}") for name in self.policies if name.endswith(below) and ("." in name) == bool(below)]
        return "".join(f'_mta-sts.{name} TXT "v=STSv1; id=1"\nmta-sts.{name} A {self.host}\n' for name in names)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return super().__enter__()

    def __exit__(self, *why) -> None:
        self.shutdown()
        super().__exit__(*why)


class World:
    """A house, the names that it believes, and a server's address for each domain."""

    def __init__(self, names, server, port: int, certificate, addresses: dict[str, str]):
        self.names, self.server, self.port, self.certificate, self.addresses = names, server, port, certificate, addresses

    def sink(self, name: str, **options) -> Sink:
        return Sink(self.addresses[name], self.port, **options)

    def send(self, domain: str, raw: bytes | None = None, options: tuple[str, ...] = ()) -> str:
        account, to = self.server.account(), f"friend@{domain}.example"
        with self.server.smtp(account) as client:
            client.sendmail(account.address, [to], raw or make_raw(to=to), options)
        return to

    def deliver(self, domain: str, sink: Sink, **message) -> None:
        to = self.send(domain, **message)
        wait_until("the mail", lambda: sink.messages)
        wait_until("the queue", lambda: self.server.queued(to) == [])

    def defer(self, domain: str, **message) -> dict:
        to = self.send(domain, **message)
        return wait_until("the queue", lambda: next((row for row in self.server.queued(to) if row["state"] == "deferred"), None))
