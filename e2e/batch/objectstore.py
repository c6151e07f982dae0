"""A real S3 server on loopback, for as long as a test needs it."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from e2e.clusters.build import OBJECT_TOOLS, build
from e2e.clusters.child import Child
from e2e.clusters.ports import free_ports

BUCKET = "lake"
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStore:
    """How the server is reached."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What its clients find in their environment; the server checks no signature."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def put(self, name: str, data: bytes) -> None:
        """Put an object into the bucket."""
        url = f"{self.endpoint}/{BUCKET}/{name}"
        httpx2.put(url, content=data, timeout=10).raise_for_status()


@contextmanager
def object_store() -> Generator[ObjectStore]:
    """Run the server with one empty bucket, in memory."""
    program = build(OBJECT_TOOLS).path("gofakes3")
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="guarded-agent-objects-") as folder:
        child = Child(
            "gofakes3",
            command=[
                str(program),
                *("-host", f"127.0.0.1:{port}"),
                *("-backend", "memory"),
                *("-initialbucket", BUCKET),
            ],
            log=Path(folder) / "gofakes3.log",
        )
        child.start()
        try:
            child.wait_until(lambda: _answers(endpoint))
            yield ObjectStore(endpoint=endpoint)
        finally:
            child.stop(timeout=STOP_SECONDS)


def _answers(endpoint: str) -> bool:
    try:
        return httpx2.get(f"{endpoint}/{BUCKET}", timeout=2).status_code == 200
    except httpx2.HTTPError:
        return False
