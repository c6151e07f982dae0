"""The cluster's own certificate authority, serving certificate and token-signing key.

Made by the `openssl` program for one run, in the run's folder, so that clients verify the API
server as they would in production and nothing secret outlives the run.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.clusters.errors import ClusterUnavailableError

VALID_DAYS = "2"
"""A run takes minutes; a kept folder is of no use to anyone after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """Files in PEM."""

    authority: Path
    serving: Path
    serving_key: Path
    signing_key: Path


def make_certificates(folder: Path) -> Certificates:
    """Write an authority, a serving certificate for loopback and a signing key.

    Raises:
        ClusterUnavailableError: `openssl` is missing or failed.
    """
    folder.mkdir(parents=True)
    authority, authority_key = folder / "ca.crt", folder / "ca.key"
    serving, serving_key = folder / "serving.crt", folder / "serving.key"
    signing_key = folder / "service-accounts.key"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(
        "req", "-x509", *key, "-days", VALID_DAYS, "-subj", "/CN=guarded-agent-e2e",
        "-keyout", str(authority_key), "-out", str(authority),
        "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    _openssl(
        "req", "-x509", *key, "-days", VALID_DAYS, "-subj", "/CN=kube-apiserver",
        "-CA", str(authority), "-CAkey", str(authority_key),
        "-keyout", str(serving_key), "-out", str(serving),
        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc",
        "-addext", "basicConstraints=critical,CA:FALSE",
        "-addext", "extendedKeyUsage=serverAuth",
    )  # fmt: skip
    _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
             "-out", str(signing_key))  # fmt: skip
    return Certificates(
        authority=authority, serving=serving, serving_key=serving_key, signing_key=signing_key
    )


def _openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise ClusterUnavailableError(
            "`openssl` is not on PATH; the cluster's certificates are made with it. "
            "Install it (Debian: apt-get install openssl)."
        )
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterUnavailableError(f"`openssl {arguments[0]}` failed: {done.stderr.strip()}")
