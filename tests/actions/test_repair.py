"""Arguments that are no JSON object: what is mended, and what is left alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.repair import repaired_arguments, unreadable_because

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)


@pytest.mark.parametrize(
    ("text", "value", "wrong"),
    [
        ('{"a": ["get", "pods"}', {"a": ["get", "pods"]}, "a bracket was missing"),
        ('{"a": [{"b": 1], "c": 2}', {"a": [{"b": 1}], "c": 2}, "a closing brace was missing"),
        ('{"a": 1}}', {"a": 1}, "a closing mark was left over"),
        ("{'a': 'it\\'s'}", {"a": "it's"}, "single quotes were used, and an escape was not JSON's"),
        ("{'a': 'say \"x\"'}", {"a": 'say "x"'}, "single quotes were used"),
        ('{"a": True, "b": None}', {"a": True, "b": None}, "Python's words stood for JSON's"),
        ('{"a": [1, 2,], }', {"a": [1, 2]}, "a comma was left over"),
        ('```json\n{"a": 1}\n```', {"a": 1}, "a code fence stood around it"),
        ('"{\\"a\\": 1}"', {"a": 1}, "the object was written as a text"),
        ("'{\"a\": 1}'", {"a": 1}, "the object was written as a text"),
        ('{"a": 1, // first\n "b": 2}', {"a": 1, "b": 2}, "it held a comment"),
        ('{"a": /* one */ 1}', {"a": 1}, "it held a comment"),
        ('{command: "ls"}', {"command": "ls"}, "a key had no quotes"),
        ('{"a": "x\ny"}', {"a": "x\ny"}, "a line break or tab was not escaped"),
        ('{"a": "it\\\'s"}', {"a": "it's"}, "an escape was not JSON's"),
        ("{'a': '\\x41'}", {"a": "A"}, "single quotes were used, and an escape was not JSON's"),
        ("", {}, "there were no arguments"),
        ("null", {}, "there were no arguments"),
    ],
)
def test_a_slip_with_one_reading_is_mended(text: str, value: object, wrong: str) -> None:
    """Each slip is named, and every key and value is kept."""
    found = repaired_arguments(text)
    assert found is not None
    assert (json.loads(found.text), found.wrong) == (value, wrong)


@pytest.mark.parametrize(
    "text",
    [
        '{"command": "kubectl delete pod web',
        '{"command": "kubectl delete pod web\\"',
        '{"replicas": 1',
        '{"force": tru',
        '{"force": ',
        '{"name": "web", ',
        '{"kind": "pod"',
        '{"a": {"b": 1}',
        '{"name": "web", "name',
        '{"name": "web", name',
        '{"pods": ["web-1"',
        '{"spec": {"replicas": 2, "paused": true',
        '{"a": 1, /* and',
        "{",
        '"{\\"command\\": \\"kubectl del',
        '```json\n{"command": "kubectl del',
    ],
)
def test_a_call_that_was_cut_off_is_never_mended(text: str) -> None:
    """Half a command, half a number or half a list would run."""
    assert repaired_arguments(text) is None
    assert unreadable_because(text) == "the call was cut off"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1}{"a": 2}', '`{"a": 2}` at character 9 was not expected'),
        ('{"a": "-p \'{"spec": 1}\'"}', '`spec": 1}\'"}` at character 14 was not expected'),
        ('{"a": "\\d+"}', "the escape `\\d` has more than one reading"),
        ('{"a": web}', "`web}` at character 7 was not expected"),
        ('{"a": 01}', "`01}` at character 7 was not expected"),
        ('{"a": 1, "a": 2,}', "`a` stands in it twice"),
        ('{"a": "x" // why, "b": 2}', "a comment runs to its end"),
        ("[1, 2]", "it is a list and not an object"),
        ("7", "it is a single value and not an object"),
        ('"kubectl get pods"', "it is a text and not an object"),
        ("kubectl get pods", "`kubectl get pods` at character 1 was not expected"),
        ('{"a": NaN}', "`NaN}` at character 7 was not expected"),
    ],
)
def test_what_has_more_than_one_reading_is_left_alone(text: str, why: str) -> None:
    """The model is told why, and writes it again."""
    assert repaired_arguments(text) is None
    assert unreadable_because(text) == why


def test_deep_nesting_is_refused_and_not_followed() -> None:
    """A stack that overflows would end the process."""
    assert repaired_arguments("{'a':" * 5_000) is None


@given(OBJECTS)
def test_valid_objects_come_back_as_they_were(value: dict[str, object]) -> None:
    """Not a space is changed in what was right."""
    text = json.dumps(value, indent=1)
    found = repaired_arguments(text)
    assert found is not None
    assert (found.text, found.wrong) == (text, "")


@given(OBJECTS.filter(bool))
def test_mended_objects_keep_every_key_and_value(value: dict[str, object]) -> None:
    """Python's syntax, a comma left over, a fence, a second encoding: the value is the same."""
    text = json.dumps(value, ensure_ascii=False)
    for slip in (f"{text[:-1]},}}", f"```json\n{text}\n```", json.dumps(text), f"{text}}}"):
        found = repaired_arguments(slip)
        assert found is not None
        assert found.wrong
        assert json.loads(found.text) == value


SAYABLE = st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]))


@given(st.dictionaries(SAYABLE, SAYABLE | st.booleans() | st.none() | st.integers(), min_size=1))
def test_what_python_prints_is_read_as_python_reads_it(value: dict[str, object]) -> None:
    """Models that write Python write what `repr` prints."""
    found = repaired_arguments(repr(value))
    assert found is not None
    assert json.loads(found.text) == value


@given(OBJECTS.filter(bool), st.data())
def test_no_cut_call_is_mended(value: dict[str, object], data: st.DataObject) -> None:
    """What is missing may be the argument that told one object from all."""
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    assert repaired_arguments(cut) is None
    assert unreadable_because(cut)
