"""What is stored says its version, and what is newer than us is refused by name."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from guardrails.core.claims import ClaimKind
from guardrails.core.events import EVENT_SCHEMA, Event, GateReported
from guardrails.core.evidence import (
    REPORT_SCHEMA,
    GateReport,
    GateVerdict,
    ReferenceInfo,
    ReferenceSource,
    Tier,
    Window,
)
from guardrails.core.ids import RunId
from guardrails.core.trace import TraceHeader, encode_line, read_trace
from guardrails.engine.session import StoredSession, decode_session
from guardrails.engine.state import STATE_SCHEMA, SessionState
from guardrails.errors import BaselineError, TraceError
from guardrails.gates.snapshot import SNAPSHOT_SCHEMA, Snapshot, decode_snapshot

AT = datetime(2026, 1, 2, tzinfo=UTC)
RUN = RunId("r")
REPORT = GateReport(
    gate="g",
    claim=ClaimKind.MITIGATED,
    verdict=GateVerdict.UNKNOWN,
    required_tier=Tier.FULL,
    reference=ReferenceInfo(source=ReferenceSource.NONE),
    window=Window(state_seconds=0, full_seconds=0),
    started_at=AT,
    ended_at=AT,
)


@pytest.mark.parametrize(
    ("value", "version"),
    [
        (TraceHeader(run=RUN), EVENT_SCHEMA),
        (REPORT, REPORT_SCHEMA),
        (SessionState(run=RUN), STATE_SCHEMA),
        (Snapshot(at=AT), SNAPSHOT_SCHEMA),
    ],
)
def test_every_stored_form_says_its_version(value: msgspec.Struct, version: int) -> None:
    """A version that is left out would be read as whatever is then the newest."""
    assert msgspec.json.decode(msgspec.json.encode(value))["schema"] == version


def test_a_newer_trace_is_refused_even_if_it_happens_to_decode(tmp_path: Path) -> None:
    """A later header may look like ours and mean something else; the line is named."""
    path = tmp_path / "t.jsonl"
    header = TraceHeader(run=RUN)
    path.write_bytes(
        encode_line(header) + encode_line(msgspec.structs.replace(header, schema=9, run=RunId("s")))
    )
    with pytest.raises(TraceError, match=r"t\.jsonl:2: trace schema 9 is newer than 5; update"):
        read_trace(path)


def test_a_newer_report_in_a_trace_is_refused(tmp_path: Path) -> None:
    """The report is a stored form of its own."""
    path = tmp_path / "t.jsonl"
    newer = GateReported(report=msgspec.structs.replace(REPORT, schema=9))
    path.write_bytes(
        encode_line(TraceHeader(run=RUN)) + encode_line(Event(run=RUN, seq=1, at=AT, fact=newer))
    )
    with pytest.raises(TraceError, match=r"t\.jsonl:2: report schema 9 is newer than 1; update"):
        read_trace(path)


@pytest.mark.parametrize("state", [{"run": "r"}, {"run": 7, "new": []}])
def test_a_newer_session_is_refused_whether_or_not_it_decodes(state: dict[str, object]) -> None:
    """The version is what matters to the reader, not the first key that it trips over."""
    data = msgspec.json.encode({"type": "session", "state": {"schema": 9, **state}})
    with pytest.raises(TraceError, match=r"^session schema 9 is newer than 5; update"):
        decode_session(data)


@pytest.mark.parametrize("at", [AT, "noon"])
def test_a_newer_snapshot_is_refused_whether_or_not_it_decodes(at: object) -> None:
    """Judged against half a reference, a mended incident could pass or fail wrongly."""
    data = msgspec.json.encode({"type": "snapshot", "schema": 9, "at": at})
    with pytest.raises(BaselineError, match=r"^b\.json: snapshot schema 9 is newer than 1; update"):
        decode_snapshot(data, name="b.json")


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b'{"type":"session"}'])
def test_what_is_no_session_says_so(data: bytes) -> None:
    """Whatever a store hands back, it is one kind of error."""
    with pytest.raises(TraceError, match="not a stored session"):
        decode_session(data)


def test_a_session_of_ours_comes_back() -> None:
    """The version does not stand in the way of what we wrote."""
    stored = StoredSession(state=SessionState(run=RUN))
    assert decode_session(msgspec.json.encode(stored)) == stored
