"""The schema that editors use and the loader that runs agree on every policy file."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardrails.errors import PolicyError
from guardrails.policy.durations import LONGEST
from guardrails.policy.load import load_settings, policy_schema
from guardrails.policy.shipped import TRIED

SCHEMA: dict[str, Any] = policy_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
CUSTOM: list[dict[str, Any]] = [
    {"name": "a", "promql": "up == 1"},
    {"name": "a", "query": "up", "op": ">=", "value": 1, "tier": "state", "settle": "90s"},
    {"name": "a", "http": {"url": "http://x/", "headers_from_env": {"X-Key": "KEY"}}},
    {"name": "a", "object": {"kind": "Pod", "name": "x", "path": "spec.a", "one_of": [1, "b"]}},
    {"name": "a", "object": {"kind": "Pod", "name": "x", "path": "spec.a", "exists": True}},
]
NAMES = st.sampled_from(["mine", "mid-tier", "open", "a b"])


def within_a_year(text: str) -> bool:
    """The one rule on a value that a regular expression cannot say."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
    parts = re.findall(r"([0-9.]+)(ms|[smhd])", text)
    return sum(float(number) * units[unit] for number, unit in parts) <= LONGEST


def documents(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Build what a schema allows, from the words that pydantic writes schemas with."""
    match schema:
        case {"$ref": "#/$defs/CustomCheck"}:
            # Which keys go together, and what is PromQL or a path, no schema says.
            return st.sampled_from(CUSTOM)
        case {"$ref": ref}:
            return documents(SCHEMA["$defs"][ref.rpartition("/")[2]])
        case {"anyOf": members}:
            return st.one_of(*map(documents, members))
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"type": "array", "items": {"$ref": "#/$defs/CustomCheck"} as items}:
            return st.lists(documents(items), max_size=1)  # two need two names
        case {"type": "array", "items": items}:
            return st.lists(documents(items), max_size=2)
        case {"type": "object", "additionalProperties": dict() as values}:
            return st.dictionaries(NAMES, documents(values), max_size=2)
        case {"type": "object", "additionalProperties": False, "properties": properties}:
            required = schema.get("required", [])
            parts = {name: documents(inner) for name, inner in properties.items()}
            return st.fixed_dictionaries(
                {name: part for name, part in parts.items() if name in required},
                optional={name: part for name, part in parts.items() if name not in required},
            )
        case _:
            return scalars(schema)


def scalars(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Build a value without parts."""
    match schema:
        case {"type": "string", "pattern": pattern}:
            return st.from_regex(pattern, fullmatch=True).filter(within_a_year)
        case {"type": "string"}:
            return st.text(min_size=schema.get("minLength", 0), max_size=8)
        case {"type": "integer", "exclusiveMinimum": bound}:
            return st.integers(min_value=bound + 1)
        case {"type": "integer", "minimum": least, "maximum": most}:
            return st.integers(min_value=least, max_value=most)
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "null"}:
            return st.none()
        case _:
            raise AssertionError(f"a word of schemas that this test does not know: {schema}")


POLICIES = documents(SCHEMA)
JUNK = st.sampled_from(
    [None, True, False, -1, 0, 1, 1.5, "", "x", "90s", "0s", "auto", "1.5h30m", "full", [], {}, [1]]
)


def places(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """List the paths of all keys, however deep."""
    if not isinstance(value, dict):
        return [path] if path else []
    inner = [found for key, one in value.items() for found in places(one, (*path, key))]
    return [*inner, (*path, "unheard_of")]


def replaced(value: Any, path: tuple[str, ...], new: object) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return new
    return {**value, path[0]: replaced(value.get(path[0]), path[1:], new)}


def loads(path: Path, document: object) -> bool:
    """Tell whether the loader takes a document."""
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        return bool(load_settings(file=path, environ={}))
    except PolicyError:
        return False


def known(document: dict[str, Any]) -> bool:
    """Whether the profile that is named exists: a rule between values, which no schema says."""
    named = document.get("profile")
    return named is None or named in {*document.get("profiles", {}), *TRIED}


QUIET = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIET
@given(POLICIES.filter(known))
def test_what_the_schema_allows_loads(tmp_path: Path, document: dict[str, Any]) -> None:
    """An editor that shows no mistake is right."""
    assert VALIDATOR.is_valid(document)
    assert loads(tmp_path / "p.json", document)


@QUIET
@given(POLICIES.filter(known), JUNK, st.data())
def test_one_wrong_value_is_wrong_for_both(
    tmp_path: Path, document: dict[str, Any], junk: object, data: st.DataObject
) -> None:
    """Whatever stands wherever: schema and loader say the same of it."""
    path = data.draw(st.sampled_from(places(document)))
    changed = replaced(document, path, junk)
    if path == ("profile",) and isinstance(junk, str):
        changed.pop("profile")
    assert VALIDATOR.is_valid(changed) is loads(tmp_path / "p.json", changed)
