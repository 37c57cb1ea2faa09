"""An authority of our own for the tests' certificates, by openssl; and what TLSA records say of them."""

import hashlib
import ssl
import subprocess
import tempfile
from pathlib import Path

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="posthorn-ca-", dir="/tmp"))
        self.directory.chmod(0o755)
        self.file = self.directory / "ca.pem"
        self.openssl("req", "-x509", *KEY, "-days", "2", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority")

    def openssl(self, *words, text: str = "") -> bytes:
        return subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True, input=text.encode()).stdout

    def certificate(self, name: str, *also: str, days: int = 2) -> ssl.SSLContext:
        """A server's side, with a certificate for the names and the chain to the authority; expired, with days below 0."""
        self.openssl("req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        names = ",".join(f"DNS:{each}" for each in (name, *also))
        (self.directory / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        self.openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", str(days),
            "-extfile", f"{name}.ext", "-out", f"{name}.pem",
        )  # fmt: skip
        chain = self.directory / f"{name}.chain"
        chain.write_bytes((self.directory / f"{name}.pem").read_bytes() + self.file.read_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, self.directory / f"{name}.key")
        return context

    def key_digest(self, name: str) -> str:
        """For "3 1 1": of the certificate's key."""
        return self.key_digest_in(self.directory / f"{name}.pem")

    def key_digest_in(self, file: Path) -> str:
        key = self.openssl("x509", "-in", file, "-pubkey", "-noout").decode()
        return hashlib.sha256(self.openssl("pkey", "-pubin", "-outform", "DER", text=key)).hexdigest()

    def own_digest(self) -> str:
        """For "2 0 1": of the authority's certificate."""
        return hashlib.sha256(self.openssl("x509", "-in", "ca.pem", "-outform", "DER")).hexdigest()
