"""A mail server of our own that does as the test says: takes mail, refuses, hangs up, or says nothing.

    with Sink(**{"RCPT": "550 5.1.1 no such person"}) as sink: ... sink.port, sink.messages

A reply for a verb may be a list: one for each time, the last for the rest. "HANG UP" and "SILENCE" are what they say.
GREETING and BODY (after the message) are verbs, too.
"""

import socket
import socketserver
import ssl
import threading

HOST = "127.0.0.1"
USUAL = {
    "GREETING": "220 sink.example ESMTP",
    "EHLO": "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 1000000",
    "HELO": "250 sink.example",
    "STARTTLS": "220 go ahead",
    "DATA": "354 go ahead",
    "QUIT": "221 bye",
    "BODY": "250 2.0.0 taken",
}


class HungUp(Exception):
    pass


class Sink:
    def __init__(self, host: str = HOST, port: int = 0, tls: ssl.SSLContext | None = None, **replies):
        self.replies = USUAL | {verb.upper(): reply for verb, reply in replies.items()}
        self.messages: list[tuple[str, list[str], bytes]] = []
        self.commands: list[str] = []
        self.connections = 0
        self.tls = tls
        self.secured: list[str | None] = []  # the name that was asked for in each handshake
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.secured.append(name)
        sink = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                sink.connections += 1
                try:
                    sink.answer("GREETING", self.wfile)
                    if sink.session(self.rfile, self.wfile):
                        with sink.tls.wrap_socket(self.request, server_side=True) as secure:
                            sink.session(secure.makefile("rb"), secure.makefile("wb", buffering=0), secure=True)
                except (HungUp, OSError):
                    pass

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.listener = Listener((host, port), Session)
        self.address, self.port = self.listener.server_address[:2]

    def __enter__(self):
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown()
        self.listener.server_close()

    def arrives(self, raw: bytes) -> None:
        """A message is whole, and not answered yet."""

    def answer(self, verb: str, out) -> str:
        reply = self.replies.get(verb, "250 2.0.0 ok")
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if reply == "HANG UP":
            raise HungUp
        if reply == "SILENCE":
            threading.Event().wait(3600)
        out.write(reply.encode() + b"\r\n")
        return reply

    def session(self, lines, out, secure: bool = False) -> bool:
        """True: STARTTLS comes next."""
        sender, recipients = None, []
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r\n")
            self.commands.append(text)
            verb = text.split(" ")[0].upper()
            if verb in ("RCPT", "DATA") and (sender is None if verb == "RCPT" else not recipients):
                out.write(b"503 5.5.1 out of order\r\n")
                continue
            if verb == "EHLO" and self.tls is not None and not secure:
                out.write(b"250-sink.example\r\n250-STARTTLS\r\n")
            reply = self.answer(verb, out)
            taken = reply[:1] in "23"
            if verb in ("MAIL", "RSET"):
                sender, recipients = None, []
            if verb == "MAIL" and taken:
                sender = text.split("<", 1)[1].split(">")[0]
            elif verb == "RCPT" and taken:
                recipients.append(text.split("<", 1)[1].split(">")[0])
            elif verb == "DATA" and taken:
                body = []
                while (line := lines.readline()) not in (b".\r\n", b""):
                    body.append(line[1:] if line.startswith(b".") else line)
                if not line:
                    return False
                self.arrives(b"".join(body))
                if self.answer("BODY", out).startswith("2"):
                    self.messages.append((sender, recipients, b"".join(body)))
                sender, recipients = None, []
            elif verb == "STARTTLS" and taken:
                return True
            elif verb == "QUIT":
                return False
        return False
