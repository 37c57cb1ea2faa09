"""A name server that signs its zone: Debian's knot, in a scratch directory, on a free port of loopback.

    with SignedNames('''a MX 10 mx.a ...''') as names:
        server = running(**{"resolver": names.address, "dnssec-anchor": names.anchor})

The zone is example.; DNSSEC begins at it. Names below `plain.example.` are in a zone of their own that is not signed,
those below `forged.example.` and `_tcp.mx.hidden.example.` in one whose parent promises signatures that are not there: every answer is bogus.
"""

import random
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from server import free_ports, wait_until

KNOT = """
server:
    rundir: {directory}
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {directory}
policy:
  - id: ours
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: {directory}
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: all
zone:
  - domain: example.
    file: example.zone
    dnssec-signing: on
    dnssec-policy: ours
  - domain: plain.example.
    file: plain.zone
  - domain: forged.example.
    file: forged.zone
  - domain: _tcp.mx.hidden.example.
    file: hidden.zone
"""
HEAD = """$ORIGIN {zone}
$TTL 60
@ SOA ns.example. h.example. 1 3600 600 86400 60
@ NS ns.example.
"""
SIGNED = """ns A 127.0.0.1
plain NS ns
forged NS ns
_tcp.mx.hidden NS ns
_tcp.mx.hidden DS 4711 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
forged DS 4711 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
"""


class SignedNames:
    def __init__(self, signed: str, plain: str = "", forged: str = ""):
        self.directory = Path(tempfile.mkdtemp(prefix="posthorn-knot-", dir="/tmp"))
        self.port = free_ports(1)[0]
        self.address = f"127.0.0.1:{self.port}"
        self.config = self.directory / "knot.conf"
        self.config.write_text(KNOT.format(directory=self.directory, port=self.port))
        zones = {
            "example": ("example.", SIGNED + signed),
            "plain": ("plain.example.", plain),
            "forged": ("forged.example.", forged),
            "hidden": ("_tcp.mx.hidden.example.", ""),
        }
        for zone, (name, text) in zones.items():
            (self.directory / f"{zone}.zone").write_text(HEAD.format(zone=name) + text)
        self.anchor = str(self.directory / "anchor")

    def __enter__(self):
        self.directory.chmod(0o755)
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(["/usr/sbin/knotd", "-c", self.config], stdout=log, stderr=log)
        wait_until("the name server", self.is_signed)
        keys = subprocess.run(
            ["/usr/sbin/keymgr", "-c", self.config, "example.", "ds"], check=True, capture_output=True, text=True
        ).stdout
        Path(self.anchor).write_text(keys)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.directory)

    def is_signed(self) -> bool:
        """Asks for DNSKEY: no error, and an answer."""
        assert self.process.poll() is None, (self.directory / "log").read_text()
        query = random.randbytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + b"\7example\0" + b"\0\x30\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.5)
            asker.connect(("127.0.0.1", self.port))
            try:
                asker.send(query)
                answer = asker.recv(4096)
            except OSError:
                return False
        return answer[3] & 15 == 0 and int.from_bytes(answer[6:8], "big") > 0
