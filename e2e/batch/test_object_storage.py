"""Data sets on an S3 server: read, written, gone on with after a death, and counted there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import guarded_agent_entry
from e2e.batch.objectstore import BUCKET, ObjectStore, object_store

pa: Any = import_module("pyarrow")  # it has no types
pq: Any = import_module("pyarrow.parquet")

ENTRY = Path(guarded_agent_entry.__file__)
RUNS = 40
KILLED = """
import os, signal, sys
from guardrails.batch.scale import plan
from guardrails.batch.scale.settings import Settings
from guardrails.batch.scale.tagging import tag_dataset

def tell(done, of):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)

tag_dataset([sys.argv[1]], sys.argv[2], settings=Settings(), tell=tell)
"""


@pytest.fixture(scope="module")
def store() -> Generator[ObjectStore]:
    """Run a server whose bucket holds eight files of traces, one row of which is broken."""
    with object_store() as running:
        for number in range(8):
            some = [_trace(number * 5 + one) for one in range(5)]
            payload = [json.dumps(trace) for trace in some]
            if number == 2:
                payload[1] = payload[1][:50]
            outcome = ["wrong", "right", "wrong", None, None]
            rows = pa.BufferOutputStream()
            pq.write_table(pa.table({"payload": payload, "outcome": outcome}), rows)
            running.put(f"in/{number}.parquet", rows.getvalue().to_pybytes())
        yield running


def _trace(number: int) -> dict[str, object]:
    said = "Root cause: the cart has the wrong password for its database."
    asked = {"role": "user", "content": "The cart answers with errors. Find out why."}
    return {"id": f"run-{number}", "messages": [asked, {"role": "assistant", "content": said}]}


def _ran(store: ObjectStore, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, **store.environment, "PYTHONPATH": str(ENTRY.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _counted(store: ObjectStore, source: str) -> list[dict[str, object]]:
    done = _ran(store, str(ENTRY), "vectors", source, "--by", "all", "-o", "json")
    return json.loads(done.stdout)["vectors"]


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_data_set_is_tagged_on_the_server(store: ObjectStore, form: str) -> None:
    """By several processes; the broken row is in the quarantine there, and vectors are the same."""
    out = f"s3://{BUCKET}/{form}/"
    done = _ran(
        store, str(ENTRY), "tag", f"s3://{BUCKET}/in/", "--output", out, "-j", "2", "-o", form
    )
    assert done.returncode == 2, done.stderr
    assert "tagged 39 runs into 8 parts" in done.stderr
    assert "1 row could not be read" in done.stderr
    assert _counted(store, out) == _counted(store, f"s3://{BUCKET}/in/*.parquet") != []


def test_a_killed_command_goes_on_on_the_server(store: ObjectStore) -> None:
    """What it had put in place stays; nothing is there twice."""
    out = f"s3://{BUCKET}/killed"
    assert _ran(store, "-c", KILLED, f"s3://{BUCKET}/in", out).returncode == -9
    refused = _ran(store, str(ENTRY), "vectors", out)
    assert "is not complete" in refused.stderr
    done = _ran(store, str(ENTRY), "tag", f"s3://{BUCKET}/in", "--output", out)
    assert "tagged 39 runs into 8 parts (8 units of work, 3 of them done before)" in done.stderr
    (vector,) = _counted(store, out)
    assert vector["runs"] == RUNS - 1


def test_a_bucket_that_is_not_there_is_told(store: ObjectStore) -> None:
    """In one line, with its URL."""
    done = _ran(store, str(ENTRY), "tag", "s3://none/in/", "--output", "s3://none/out/")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: s3://none/in")
