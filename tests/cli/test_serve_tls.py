"""`serve` over TLS: verified by the client, and its certificate renewed while it runs."""

import json
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from guardrails.core.incident import Incident
from guardrails.engine import SessionKey
from guardrails.errors import UnreachableError
from guardrails.sidecar.client import Endpoint, RemoteGuard
from tests.cli.conftest import Cli, Shop
from tests.cli.serving import READS, served


class Authority:
    """Signs certificates, as a cluster's own authority does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's authority")])
        basic = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = self._signed(self._name, self._key.public_key(), basic)

    def write(self, folder: Path, *, name: str) -> int:
        """Write a certificate for a name and its key, and return its serial number."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        made = self._signed(subject, key.public_key(), names)
        (folder / "tls.key.new").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        (folder / "tls.crt.new").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        (folder / "ca.crt").write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "tls.key.new").rename(folder / "tls.key")
        (folder / "tls.crt.new").rename(folder / "tls.crt")
        return made.serial_number

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, more: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(more, critical=isinstance(more, x509.BasicConstraints))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            # Python 3.13 and later refuse a certificate without it.
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .add_extension(_usage(signs=isinstance(more, x509.BasicConstraints)), critical=True)
        )
        return builder.sign(self._key, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Say what a key is for: an authority's signs certificates, another one signs what it sends."""
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.fixture
def folder(shop: Shop, tmp_path: Path) -> Path:
    """A folder with settings for the shop, and files of a certificate beside them."""
    shop.cluster.add_user("guard", rules=READS)
    shop.cluster.write_kubeconfig(tmp_path / "guard", user="guard")
    settings = {
        "listen": {"tls_certificate": "tls.crt", "tls_key": "tls.key"},
        "store": {"url": "memory:"},
        "scope": {"namespaces": ["shop"]},
        "sources": {"kubeconfig": "guard", "prometheus": shop.cluster.prometheus_url},
    }
    (tmp_path / "serve.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


def _serial(url: str, ca: Path) -> int:
    """Return the serial number of the certificate that a new connection gets."""
    port = urlsplit(url).port
    assert port is not None
    pem = ssl.get_server_certificate(("localhost", port), ca_certs=str(ca), timeout=10)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


@pytest.mark.timeout(120)
def test_a_client_verifies_the_service_and_a_renewed_certificate_is_served(folder: Path) -> None:
    """By its authority and its name; half a renewal changes nothing, a whole one no connection."""
    authority, ca = Authority(), folder / "ca.crt"
    first = authority.write(folder, name="localhost")
    with served(folder, "--config", "serve.yaml") as serving:
        url = serving.url.replace("127.0.0.1", "localhost")
        about = Incident(task="checkout is down", namespaces=("shop",))
        with RemoteGuard(Endpoint(url=url, ca_file=ca), incident=about) as guard:
            session = guard.begin(SessionKey("one"), adapter="test")
            assert session.state.seq >= 1
            for endpoint in (Endpoint(url=serving.url, ca_file=ca), Endpoint(url=url)):
                with (
                    RemoteGuard(endpoint, incident=about) as stranger,
                    pytest.raises(UnreachableError, match=r"is not trusted: .*GUARDED_AGENT_CA"),
                ):
                    stranger.begin(SessionKey("two"), adapter="test")
            plain = Endpoint(url=serving.url.replace("https:", "http:"), patience=0.1)
            with RemoteGuard(plain, incident=about) as naked, pytest.raises(UnreachableError):
                naked.begin(SessionKey("three"), adapter="test")

            assert _serial(url, ca) == first
            whole = (folder / "tls.key").read_bytes()
            (folder / "tls.key").write_text("half of a renewal")
            _until(lambda: "guarded_agent.certificate.unread" in serving.events())
            assert _serial(url, ca) == first
            (folder / "tls.key").write_bytes(whole)
            second = authority.write(folder, name="localhost")
            _until(lambda: _serial(url, ca) == second)
            assert session.run == guard.find(SessionKey("one")).run  # type: ignore[union-attr]
        said = [json.loads(line) for line in serving.logs.read_text().splitlines()]
        assert not [one for one in said if "half of a renewal" in json.dumps(one)]


def test_a_key_that_does_not_fit_is_told_before_anything_listens(cli: Cli, folder: Path) -> None:
    """One line, with both files."""
    Authority().write(folder, name="localhost")
    key = (folder / "tls.key").read_bytes()
    Authority().write(folder, name="localhost")
    (folder / "tls.key").write_bytes(key)
    ran = cli("serve", "--config", folder / "serve.yaml", "--port", "0")
    assert ran.code == 2
    assert "no certificate that goes with" in ran.err


def _until(true: object, *, seconds: float = 20.0) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)
