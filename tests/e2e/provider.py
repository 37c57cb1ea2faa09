"""An identity provider for the tests, on loopback: keys (JWKS), introspection, tokens; and a name server that knows it.

It speaks HTTPS with a certificate of its own, for the name HOST_NAME, which only its name server knows. How it
behaves is in `mode`: "well", "garbage" (no JSON), "long" (10 MB), "error" (status 500), "slow" (answers when
`release` is set), "gone" (hangs up without a word).
"""

import base64
import json
import secrets
import socket
import ssl
import struct
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

HOST_NAME = "id.demo.example"
ISSUER = f"https://{HOST_NAME}"
AUDIENCE = "mail"
CLIENT = "posthorn"
SECRET = "secret of ours: ä"
LONG = 10 * 1024 * 1024
HOUR = 3600


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """An RSA key with its name."""

    def __init__(self, directory: Path, name: str):
        self.name = name
        self.file = directory / f"{name}.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.file, "2048"], check=True, capture_output=True)
        text = subprocess.run(["openssl", "rsa", "-in", self.file, "-noout", "-modulus"], check=True, capture_output=True).stdout
        self.modulus = bytes.fromhex(text.decode().strip().removeprefix("Modulus="))

    def jwk(self) -> dict:
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.name, "n": base64url(self.modulus), "e": "AQAB"}

    def sign(self, data: bytes) -> bytes:
        command = ["openssl", "dgst", "-sha256", "-sign", self.file]
        return subprocess.run(command, input=data, check=True, capture_output=True).stdout


class NameServer:
    """HOST_NAME is 127.0.0.1; nothing else exists."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        wanted = b"".join(bytes([len(label)]) + label.encode() for label in HOST_NAME.split(".")) + b"\0"
        while True:
            try:
                packet, sender = self.socket.recvfrom(4096)
            except OSError:
                return
            name_end = packet.index(b"\0", 12) + 1
            question = packet[12 : name_end + 4]
            known = question[:-4].lower() == wanted
            answer = known and question[-4:-2] == b"\0\1"
            flags = 0x8180 if known else 0x8183
            reply = packet[:2] + struct.pack(">HHHHH", flags, 1, 1 if answer else 0, 0, 0) + question
            if answer:
                reply += b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 60, 4) + bytes([127, 0, 0, 1])
            self.socket.sendto(reply, sender)

    def close(self) -> None:
        self.socket.close()


class Provider:
    def __init__(self, directory: Path):
        self.directory = directory
        self.certificate = directory / "provider.pem"
        self.secret_file = directory / "secret"
        self.secret_file.write_text(SECRET + "\n")
        self.secret_file.chmod(0o600)
        self.names = NameServer()
        self.keys = [Key(directory, "first")]
        self.opaque = {}  # token: what introspection says of it
        self.mode = "well"
        self.release = threading.Event()
        self.waiting = 0
        self.asked = []  # paths
        self.lock = threading.Lock()
        self.make_certificate()
        self.server = None
        self.port = 0
        self.listen()

    def make_certificate(self) -> None:
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "2", "-keyout", self.directory / "provider.key", "-out", self.certificate,
                "-subj", f"/CN={HOST_NAME}", "-addext", f"subjectAltName=DNS:{HOST_NAME}",
            ],
            check=True, capture_output=True,
        )  # fmt: skip

    def listen(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                provider.answer(self, b"")

            def do_POST(self):
                provider.answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_):
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.directory / "provider.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop_listening(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def close(self) -> None:
        self.release.set()
        self.stop_listening()
        self.names.close()

    def url(self, path: str) -> str:
        return f"https://{HOST_NAME}:{self.port}/{path}"

    def settings(self) -> dict[str, str]:
        return {"resolver": f"127.0.0.1:{self.names.port}", "ca-file": str(self.certificate)}

    # --- what it says ---

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        with self.lock:
            self.asked.append(request.path)
            self.waiting += 1
        mode = self.mode
        if mode == "slow":
            self.release.wait()
        with self.lock:
            self.waiting -= 1
        if mode == "gone":
            request.close_connection = True
            return
        data = {"garbage": b"<html>come back later</html>", "long": b" " * LONG}.get(mode)
        if data is None:
            data = json.dumps(self.said(request, body)).encode()
        request.send_response(500 if mode == "error" else 200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def said(self, request: BaseHTTPRequestHandler, body: bytes) -> dict:
        if request.path == "/keys":
            return {"keys": [key.jwk() for key in self.keys]}
        expected = f"{CLIENT}:secret%20of%20ours%3A%20%C3%A4"
        assert request.headers["Authorization"] == "Basic " + base64.b64encode(expected.encode()).decode()
        [token] = parse_qs(body.decode(), strict_parsing=True)["token"]
        return self.opaque.get(token, {"active": False})

    # --- tokens ---

    def claims(self, account, **others) -> dict:
        claims = {"iss": ISSUER, "aud": AUDIENCE, "email": str(account), "exp": int(time.time()) + HOUR}
        return {key: value for key, value in {**claims, **others}.items() if value is not None}

    def signed(self, account, key: Key | None = None, header: dict | None = None, **claims) -> str:
        key = key or self.keys[0]
        parts = [header or {"alg": "RS256", "kid": key.name}, self.claims(account, **claims)]
        text = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        return f"{text}.{base64url(key.sign(text.encode()))}"

    def unsigned(self, account, **claims) -> str:
        """A token that introspection knows."""
        token = secrets.token_urlsafe(24)
        self.opaque[token] = {"active": True, **self.claims(account, **claims)}
        return token
