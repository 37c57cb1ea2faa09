"""Debian's pebble, an authority for tests that speaks ACME, in a scratch directory on free ports of loopback.

    with Pebble(names) as ca: server = Server(acme=ca.directory_url, **{"ca-file": ca.file, ...})

It refuses a share of good nonces by itself. It forgets everything when it is started anew.
"""

import json
import os
import shutil
import ssl
import subprocess
import urllib.request

from authority import Authority
from server import free_ports, wait_until

NAME = "ca.example"
NONCES_REFUSED = 25  # percent


class Pebble:
    def __init__(self, names: str, http_port: int, tls_port: int, seconds: int = 90 * 86400, accounts: dict | None = None):
        """names: ADDRESS:PORT of a name server, where ca.example is 127.0.0.1. seconds: how long a certificate is good."""
        self.names = names
        self.authority = Authority()
        self.authority.certificate(NAME, "localhost")
        self.directory = self.authority.directory
        self.file = self.authority.file
        self.port, self.management = free_ports(2)
        self.url = f"https://{NAME}:{self.port}/dir"
        config = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.directory / f"{NAME}.pem"),
            "privateKey": str(self.directory / f"{NAME}.key"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "certificateValidityPeriod": seconds,
            "externalAccountBindingRequired": bool(accounts),
            "externalAccountMACKeys": accounts or {},
        }
        self.config = self.directory / "pebble.json"
        self.config.write_text(json.dumps({"pebble": config}))
        self.process = None

    def start(self) -> None:
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(NONCES_REFUSED), "PEBBLE_AUTHZREUSE": "0"}
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["/usr/bin/pebble", "-config", self.config, "-dnsserver", self.names],
                stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        wait_until("pebble", self.answers)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory)

    def ask(self, path: str) -> str:
        context = ssl.create_default_context(cafile=str(self.file))
        with urllib.request.urlopen(f"https://localhost:{self.management}{path}", context=context, timeout=10) as answer:
            return answer.read().decode()

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log()
        try:
            return bool(self.ask("/roots/0"))
        except OSError:
            return False

    def log(self) -> str:
        return (self.directory / "log").read_text()

    def trust(self) -> ssl.SSLContext:
        """Who takes its certificates, and no others."""
        return ssl.create_default_context(cadata=self.ask("/roots/0"))
