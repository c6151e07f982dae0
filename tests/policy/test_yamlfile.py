from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.errors import PolicyError, UsageError
from guardrails.policy.document import Place
from guardrails.policy.yamlfile import parse_json, parse_yaml, read_document

HALF = r"p.yaml: half a character (a \u escape); write the character itself"


def refused(data: bytes, *, json: bool = False) -> str:
    parse = parse_json if json else parse_yaml
    with pytest.raises(PolicyError) as caught:
        parse(data, source="p.yaml", what="policy file", error=PolicyError)
    return str(caught.value)


def test_every_value_knows_its_line() -> None:
    """Keys and list items are found by their path, scalars with their text."""
    document = parse_yaml(
        b"a:\n  b: 0x10\n  c:\n    - x\n    - y\n", source="f", what="file", error=PolicyError
    )
    assert document.data == {"a": {"b": 16, "c": ["x", "y"]}}
    assert document.places["a", "b"] == Place(line=2, text="0x10")
    assert document.at(("a", "c", 1)) == "f:5"


def test_the_line_of_what_is_not_there_is_that_of_what_is_around_it() -> None:
    """A missing key is reported where its mapping begins."""
    document = parse_yaml(b"x: 1\na:\n  b: 1\n", source="f", what="file", error=PolicyError)
    assert document.line(("a", "missing", "deeper")) == 2


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b"", "p.yaml: empty; there is no policy file in it"),
        (b"# only words\n", "p.yaml: empty; there is no policy file in it"),
        (b"- a", "p.yaml:1: the policy file must be a mapping (key: value), not a list"),
        (b"word", "p.yaml:1: the policy file must be a mapping (key: value), not text"),
        (b"a: 1\nb: 2\na: 3", "p.yaml:3: a: stands twice, first on line 1"),
        (b"g:\n  a: 1\n  a: 2", "p.yaml:3: g.a: stands twice, first on line 2"),
        (b"a: [1", "p.yaml:1: not YAML: expected ',' or ']', but got '<stream end>'"),
        (
            b"a: b\n\tc: d",
            (
                r"p.yaml:2: not YAML: found character '\t' that cannot start any token; "
                "indent with spaces"
            ),
        ),
        (b"a: *x", "p.yaml:1: not YAML: found undefined alias 'x'"),
        (
            b"a: 1\n---\nb: 2",
            (
                "p.yaml:2: not YAML: expected a single document in the stream, "
                "but found another document"
            ),
        ),
        (b"a: &a [*a]", "p.yaml:1: an alias that contains itself"),
        (b"a:\n  <<: {b: c}", "p.yaml:2: merge keys (<<) are not read here; write the values out"),
        (b"a: !foo b", "p.yaml:1: the tag !foo is not read here"),
        (b"a: !!set {b}", "p.yaml:1: the tag !!set is not read here"),
        (b"on: a", "p.yaml:1: the key on is not text; put it in quotes"),
        (b"1: a", "p.yaml:1: the key 1 is not text; put it in quotes"),
        (b"[a]: b", "p.yaml:1: a key must be text"),
        (b"a: !!int b", "p.yaml:1: 'b' is not a value of its type"),
        (b"a: 1\nb: \xff", "p.yaml:2: not UTF-8 text; save the file as UTF-8"),
        (b"a: 1\nb: \x00", r"p.yaml:2: control character '\x00'; this is no text file"),
        (b"[" * 100_000, "p.yaml: nested too deeply"),
        (rb'a: "\ud800"', HALF),
        (rb'{"\U0000dfff": 1}', HALF),
    ],
)
def test_each_broken_yaml_gives_one_line(data: bytes, trouble: str) -> None:
    """Whatever is wrong with the text, the message names file, line and trouble."""
    assert refused(data) == trouble


def test_an_alias_bomb_is_refused() -> None:
    """Six lines that stand for a million values are counted while they are built."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 6)]
    assert "more than 20000 values, aliases followed" in refused("\n".join(lines).encode())


def test_an_alias_is_followed() -> None:
    """Anchors and aliases are plain YAML and allowed."""
    document = parse_yaml(b"a: &x {b: 1}\nc: *x", source="f", what="file", error=PolicyError)
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}


def test_times_stay_text() -> None:
    """YAML would turn an unquoted time into a date object; the field that wants one reads it."""
    document = parse_yaml(b"at: 2026-01-31T09:00:00Z", source="f", what="file", error=PolicyError)
    assert document.data == {"at": "2026-01-31T09:00:00Z"}


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        (b" ", "p.yaml: empty; there is no policy file in it"),
        (b'{\n"a": 1 "b": 2}', "p.yaml:2:8: not JSON: Expecting ',' delimiter"),
        (b'{"a": 1, "a": 2}', "p.yaml: the key 'a' stands twice in one object"),
        (b"[1]", "p.yaml:1: the policy file must be a mapping (key: value), not a list"),
        (b"[" * 100_000, "p.yaml: nested too deeply"),
        (rb'{"a": "\ud800"}', HALF),
    ],
)
def test_each_broken_json_gives_one_line(data: bytes, trouble: str) -> None:
    """JSON is called JSON in its messages."""
    assert refused(data, json=True) == trouble


def test_json_indented_with_tabs_knows_its_lines() -> None:
    """Tabs are fine in JSON, although YAML refuses them."""
    document = parse_json(
        b'{\n\t"a": {\n\t\t"b": "\\ud83d\\ude00"\n\t}\n}', source="f", what="x", error=PolicyError
    )
    assert document.data == {"a": {"b": "\U0001f600"}}
    assert document.line(("a", "b")) == 3


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a directory and a huge file are named as what they are."""
    (tmp_path / "big.yaml").write_bytes(b"x" * 300_000)
    said: list[str] = []
    for name in ("none.yaml", ".", "big.yaml", "nul\0.yaml"):
        with pytest.raises(PolicyError) as caught:
            read_document(tmp_path / name, what="policy file", error=PolicyError)
        said.append(str(caught.value).replace(str(tmp_path), "DIR"))
    assert said == [
        "DIR/none.yaml: no such file; name an existing policy file",
        "DIR: this is a directory; name the policy file itself",
        "DIR/big.yaml: longer than 256 KiB; that is no policy file",
        "DIR/nul\0.yaml: cannot read the policy file: embedded null byte",
    ]


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*!<>'\"\n\t ?|#,01", max_size=80))
def test_any_input_is_read_or_refused(data: bytes | str) -> None:
    """No input gets any other exception out of the reader."""
    raw = data.encode() if isinstance(data, str) else data
    for parse in (parse_yaml, parse_json):
        try:
            document = parse(raw, source="f", what="file", error=PolicyError)
        except UsageError as error:
            said = str(error)
        else:
            said = f"f: read {type(document.data).__name__}"
        assert said.startswith("f")
        assert "\n" not in said
