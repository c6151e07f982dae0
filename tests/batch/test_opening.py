"""Files that cannot be read, and files that can after all."""

import gzip
import json
import os
from pathlib import Path

import pytest

from guardrails.batch import opening
from guardrails.batch.opening import opened
from guardrails.batch.reading import read_runs
from guardrails.errors import TraceError

CHAT = [
    {"role": "user", "content": "why is checkout slow?"},
    {"role": "assistant", "content": "The cart pod is out of memory."},
]
LINES = "\n".join(json.dumps(message) for message in CHAT) + "\n"
WHOLE = json.dumps(CHAT)


def _refused(path: Path) -> str:
    with pytest.raises(TraceError) as caught:
        list(read_runs(path))
    said = str(caught.value)
    assert said.startswith(str(path))
    assert "\n" not in said
    return said.removeprefix(str(path))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b" \n\n ", "the file is empty", id="only white space"),
        pytest.param(gzip.compress(b""), "the file is empty", id="empty gzip"),
        pytest.param(gzip.compress(WHOLE.encode())[:-12], "ends early", id="truncated gzip"),
        pytest.param(b"\x1f\x8bnothing of the kind", "broken gzip", id="broken gzip"),
        pytest.param(b"\x89PNG\r\n\x00\x00", "binary", id="binary"),
        pytest.param('{"x": "über"}'.encode("latin-1"), "utf-8", id="another encoding"),
        pytest.param(
            '{"x": 1}\n{"x": "über"}\n'.encode("latin-1"), "known trace", id="encoding later"
        ),
        pytest.param(b"\xff\xfe{", "broken utf-16", id="broken utf-16"),
        pytest.param(b"42", "holds no line of JSON", id="a number"),
        pytest.param(b'"words"', "holds no line of JSON", id="a text"),
        pytest.param(b"null", "holds no line of JSON", id="null"),
        pytest.param(b"kind: Pod\nname: cart\n", "holds no line of JSON", id="yaml"),
        pytest.param(b"a,b\n1,2\n", "holds no line of JSON", id="csv"),
        pytest.param(b"[]", "an empty list", id="an empty list"),
        pytest.param(b"{}", "an object with no keys", id="an empty object"),
        pytest.param(b"[1, 2]", "no known trace format: a number", id="an array of scalars"),
        pytest.param(b'["a"]', "no known trace format: a text", id="an array of texts"),
        pytest.param(b'{"who": 1, "when": 2}', "an object with who, when", id="unknown keys"),
        pytest.param(b'{"role": "user", "con', "not JSON", id="torn JSON"),
        pytest.param(b'[{"role": "user",\n "con', "not JSON", id="torn JSON of several lines"),
        pytest.param(b'{"a": 1,}', "not JSON", id="a comma too many"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="absurd nesting, torn"),
        pytest.param(
            b'{"messages":' + b"[" * 90_000 + b"]" * 90_000 + b"}", "nested", id="absurd nesting"
        ),
    ],
)
def test_what_is_no_trace_is_refused_in_one_line(tmp_path: Path, data: bytes, says: str) -> None:
    """The line names the file and what was seen."""
    path = tmp_path / "run.json"
    path.write_bytes(data)
    assert says in _refused(path)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """A line in the middle that does not parse is no torn one: the file was damaged."""
    path = tmp_path / "run.jsonl"
    path.write_text(LINES + '{"role": "assistant", "con\n' + LINES)
    assert _refused(path).startswith(":3: not JSON")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The operating system's reason is passed on."""
    assert "No such file" in _refused(tmp_path / "run.json")


def test_a_folder_given_as_a_file_is_refused(tmp_path: Path) -> None:
    """A folder has files; `files_in` lists them."""
    assert "directory" in _refused(tmp_path)


def test_a_file_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one that this user may not read."""

    def forbidden(_: Path) -> bytes:
        raise PermissionError(13, os.strerror(13))

    path = tmp_path / "run.json"
    path.write_text(WHOLE)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    assert "Permission denied" in _refused(path)


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks beyond the limit is not unpacked to its end."""
    monkeypatch.setattr(opening, "LARGEST", 1 << 20)
    path = tmp_path / "run.json.gz"
    path.write_bytes(gzip.compress(b" " * (8 << 20)))
    assert "unpacks to more than 1 MiB" in _refused(path)


def test_a_file_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of many runs can be split."""
    monkeypatch.setattr(opening, "LARGEST", 1 << 10)
    path = tmp_path / "run.json"
    path.write_bytes(b" " * (2 << 10))
    assert "split it by runs" in _refused(path)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(WHOLE.encode(), id="one value"),
        pytest.param(LINES.encode(), id="lines"),
        pytest.param(LINES.replace("\n", "\r\n").encode(), id="lines of Windows"),
        pytest.param(b"\n" + LINES.encode() + b"\n\n", id="empty lines"),
        pytest.param(json.dumps(CHAT, indent=2).encode(), id="indented"),
        pytest.param(gzip.compress(LINES.encode()), id="gzip without the ending"),
        pytest.param(
            b"".join(gzip.compress(line.encode()) for line in LINES.splitlines(keepends=True)),
            id="gzip in parts",
        ),
        pytest.param(b"\xef\xbb\xbf" + WHOLE.encode(), id="a byte order mark"),
        pytest.param(WHOLE.encode("utf-16"), id="utf-16"),
        pytest.param(b"agent starts\n" + LINES.encode() + b"agent ends\n", id="words around"),
        pytest.param(json.dumps({"messages": CHAT}).encode(), id="an object"),
        pytest.param(json.dumps({"runs": [{"messages": CHAT}]}).encode(), id="a wrapped list"),
    ],
)
def test_all_these_hold_the_same_run(tmp_path: Path, data: bytes) -> None:
    """Packing, line ends, declared encodings, and words of a program change nothing."""
    path = tmp_path / "run"
    path.write_bytes(data)
    (run,) = read_runs(path)
    assert [type(event.fact).__name__ for event in run.events] == [
        "RunStarted",
        "ModelReplied",
        "EndRequested",
    ]


def test_a_torn_last_line_is_left_out_and_reported(tmp_path: Path) -> None:
    """Whoever wrote the file was stopped; the rest is as good as it was."""
    path = tmp_path / "run.jsonl"
    path.write_text(LINES + '{"role": "user", "content": "and n')
    (run,) = read_runs(path)
    assert len(run.events) == 3
    assert run.notes["torn"] == "the last line is not whole"


def test_numbers_that_only_python_writes_are_read_as_nothing(tmp_path: Path) -> None:
    """NaN is no JSON, but Python writes it, and one score should not cost a run."""
    path = tmp_path / "run.jsonl"
    path.write_text('{"role": "user", "content": "look", "score": NaN}\n' + LINES)
    (run,) = read_runs(path)
    assert len(run.events) == 4


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path: Path) -> None:
    """A log cut in the middle of an emoji can still be read and stored."""
    path = tmp_path / "run.json"
    path.write_text('[{"role": "user", "content": "slow \\ud83d"}, {"role": "assistant"}]')
    path.write_text('[{"role": "user", "content": "slow \\ud83d"}]')
    (run,) = read_runs(path)
    assert run.events[0].fact.incident.task == "slow ?"


def test_a_huge_line_is_read(tmp_path: Path) -> None:
    """A result of many megabytes is clipped as any long one; its size is kept."""
    path = tmp_path / "run.jsonl"
    call = {"id": "c", "function": {"name": "logs", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "c", "content": "x" * 20_000_000}
    lines = [CHAT[0], {"role": "assistant", "tool_calls": [call]}, result, CHAT[1]]
    path.write_text("\n".join(map(json.dumps, lines)))
    (run,) = read_runs(path)
    returned = next(e.fact for e in run.events if type(e.fact).__name__ == "ToolReturned")
    assert (returned.size, len(returned.text)) == (20_000_000, 16_000)


def test_values_may_stand_one_after_the_other(tmp_path: Path) -> None:
    """OpenTelemetry's console exporter prints indented objects without a list around them."""
    path = tmp_path / "console.txt"
    path.write_text('{\n  "a": 1\n}\n{\n  "a": "\\ud83d"\n}\n\n{\n  "a": NaN\n}\n')
    document = opened(path)
    assert [one.value for one in document.values()] == [{"a": 1}, {"a": "?"}, {"a": None}]
    assert not document.torn


def test_a_last_value_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    """Whoever printed it was stopped; what stands before is whole."""
    path = tmp_path / "console.txt"
    path.write_text('{\n  "a": 1\n}\n{\n  "a": ')
    document = opened(path)
    assert [one.value for one in document.values()] == [{"a": 1}]
    assert document.torn


def test_values_with_words_between_them_are_no_such_file(tmp_path: Path) -> None:
    """Words of a program inside an indented file leave it unreadable, and it is told."""
    path = tmp_path / "console.txt"
    path.write_text('{\n  "a": 1\n}\nstarted\n{\n  "a": 2\n}\n')
    with pytest.raises(TraceError, match="not JSON"):
        opened(path)
