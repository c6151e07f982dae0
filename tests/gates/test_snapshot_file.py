"""The stored form of a snapshot."""

import gzip
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.errors import BaselineError
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.gates.snapshot import (
    AlertmanagerState,
    Read,
    ReadStatus,
    RoutedAlert,
    Silence,
    SilenceMatcher,
    decode_snapshot,
    encode_snapshot,
    read_snapshot,
    write_snapshot,
)

reads = st.builds(Read, status=st.sampled_from(ReadStatus), message=st.text(max_size=9))


@settings(max_examples=40)
@given(
    failed=st.dictionaries(st.sampled_from(lists_of(DEFAULT_CHECKS)), reads),
    replicas=st.integers(0, 3),
    read=reads,
)
def test_a_snapshot_survives_being_stored(
    world: Any, failed: dict[str, Read], replicas: int, read: Read
) -> None:
    """What is read back equals what was written, failures included."""
    look = world.look(
        world.app(replicas=replicas),
        failed=failed,
        prometheus=world.alerts(world.firing("X", namespace="shop"), rules_read=read),
        alertmanager=AlertmanagerState(
            alerts=(RoutedAlert(labels={"a": "b"}, state="active"),),
            silences=(Silence(id="1", matchers=(SilenceMatcher(name="a", value="b"),)),),
            silences_read=read,
        ),
    )
    assert decode_snapshot(encode_snapshot(look), name="x") == look


@pytest.mark.parametrize("name", ["base.json", "base.json.gz", "deep/er/base.json"])
def test_a_file_is_written_and_read(world: Any, tmp_path: Any, name: str) -> None:
    """Compressed by its extension; missing folders are made; nothing else is left behind."""
    path = tmp_path / name
    write_snapshot(world.look(world.app()), path)
    assert read_snapshot(path) == world.look(world.app())
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert (path.read_bytes()[:2] == b"\x1f\x8b") is name.endswith(".gz")


def test_a_newer_schema_says_so(world: Any) -> None:
    """An old program does not misread a new file."""
    raw = msgspec.json.decode(encode_snapshot(world.look({})))
    data = msgspec.json.encode({**raw, "schema": 99, "lists": 3})
    with pytest.raises(BaselineError, match=r"base\.json: snapshot schema 99 is newer"):
        decode_snapshot(data, name="base.json")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"type":"gate_report"}'])
def test_what_is_no_snapshot_is_refused(tmp_path: Any, data: bytes) -> None:
    """With the name of the file."""
    path = tmp_path / "base.json"
    path.write_bytes(data)
    with pytest.raises(BaselineError, match=r"base\.json: not a snapshot"):
        read_snapshot(path)


def test_a_torn_gzip_file_is_refused(world: Any, tmp_path: Any) -> None:
    """A copy that was cut short is not half a baseline."""
    path = tmp_path / "base.json.gz"
    path.write_bytes(gzip.compress(encode_snapshot(world.look(world.app())))[:100])
    with pytest.raises(BaselineError, match="cut short"):
        read_snapshot(path)
    path.write_bytes(b"plain")
    with pytest.raises(BaselineError, match="not a gzip file"):
        read_snapshot(path)


def test_a_missing_file_is_named(tmp_path: Any) -> None:
    """And so is why it cannot be read."""
    with pytest.raises(BaselineError, match="cannot read the baseline: No such file"):
        read_snapshot(tmp_path / "nothing.json")
    with pytest.raises(BaselineError, match="cannot read the baseline"):
        read_snapshot(tmp_path)
