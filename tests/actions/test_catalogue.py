"""What is wrong with a call, told before a tool runs."""

import json
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.catalogue import LONGEST_MESSAGE, CallFault, FaultKind, ToolSpec, fault_of
from guardrails.actions.nearest import distance, nearest


def tool(called: str, /, *required: str, **properties: object) -> ToolSpec:
    """A tool whose parameters are given by name."""
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSpec(name=called, parameters=schema)


TEXT, WHOLE, LOGICAL = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
SPECS = {
    spec.name: spec
    for spec in (
        tool("kubectl", "command", command=TEXT),
        tool(
            "kubectl_get",
            "resource",
            resource=TEXT,
            namespace={"anyOf": [TEXT, {"type": "null"}]},
            output={"enum": ["json", "yaml", "wide"]},
        ),
        tool("get_logs", "pod", pod=TEXT, tail=WHOLE, previous=LOGICAL),
        tool("scale", "name", "replicas", name=TEXT, replicas=WHOLE, factor={"type": "number"}),
        tool("label", labels={"type": "object"}, names={"type": "array", "items": TEXT}),
        tool("health"),
        ToolSpec(name="anything"),
    )
}


def fault(called: str, /, **arguments: object) -> CallFault | None:
    """The fault of a call of the tools above."""
    return fault_of(called, json.dumps(arguments), SPECS)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "kubectl_exec",
            {},
            "There is no tool kubectl_exec; did you mean kubectl? It takes command (text).",
        ),
        (
            "kubectl_get_pods",
            {},
            (
                "There is no tool kubectl_get_pods; did you mean kubectl_get? It takes"
                " resource (text), namespace (text, may be left out),"
                " output (one of json, yaml, wide, may be left out)."
            ),
        ),
        (
            "zzz",
            {},
            (
                "There is no tool zzz. There are: kubectl, kubectl_get, get_logs, scale, label,"
                " health, anything."
            ),
        ),
        (
            "kubectl",
            {"cmd": "kubectl get pods"},
            "kubectl has no argument cmd; did you mean command? It takes command (text).",
        ),
        (
            "kubectl",
            {},
            "kubectl needs command (text), and the call leaves it out. It takes command (text).",
        ),
        (
            "scale",
            {"name": "web", "replicas": "three"},
            'replicas of scale must be a whole number, and "three" is not.',
        ),
        (
            "kubectl_get",
            {"resource": "pods", "output": "jsn"},
            (
                'output of kubectl_get must be one of json, yaml, wide, and "jsn" is not;'
                " did you mean json?"
            ),
        ),
        ("label", {"names": ["a", 7]}, "names[1] of label must be text, and 7 is not."),
    ],
)
def test_the_model_is_told_the_valid_form(
    name: str, arguments: dict[str, object], message: str
) -> None:
    """One or two sentences, from which the next call can be written."""
    found = fault(name, **arguments)
    assert found is not None
    assert found.message == message


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("kubectl", {"command": "kubectl get pods"}),
        ("kubectl_get", {"resource": "pods", "namespace": None}),
        ("kubectl_get", {"resource": "pods", "output": None}),
        ("get_logs", {"pod": "web-1", "tail": "50", "previous": "true"}),
        ("get_logs", {"pod": "web-1", "tail": 50.0, "previous": 1}),
        ("scale", {"name": "web", "replicas": "3", "factor": "1.5"}),
        ("label", {"labels": '{"a": "b"}', "names": '["x"]'}),
        ("label", {"labels": {"any": {"thing": 1}}}),
        ("health", {"input": ""}),
        ("anything", {"at": "all"}),
    ],
)
def test_what_frameworks_read_themselves_is_no_fault(
    name: str, arguments: dict[str, object]
) -> None:
    """Numbers and truth written as text, null for what may be left out, schemas without a word."""
    assert fault(name, **arguments) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"command": "kubectl del', "the call was cut off"),
        ('["kubectl"]', "it is a list and not an object"),
        ('{"command": "x"', "the call was cut off"),
    ],
)
def test_arguments_that_are_no_object_are_a_fault(text: str, why: str) -> None:
    """The reason is the one that the repair gives."""
    found = fault_of("kubectl", text, SPECS)
    assert found is not None
    assert found.kind is FaultKind.NO_OBJECT
    assert f"no JSON object: {why}. It takes command (text)." in found.message


def test_nothing_at_all_is_an_object_without_members() -> None:
    """Some providers send an empty text for a call without arguments."""
    assert fault_of("health", "", SPECS) is None
    assert fault_of("kubectl", "", SPECS) is not None


def test_without_a_catalogue_nothing_is_wrong() -> None:
    """An adapter that cannot list the tools must not stop every call."""
    assert fault_of("kubectl", "{", {}) is None


@pytest.mark.parametrize(
    ("said", "is_fault"),
    [({}, True), ({"additionalProperties": False}, True), ({"additionalProperties": True}, False)],
)
def test_additional_properties_are_honoured(said: dict[str, bool], *, is_fault: bool) -> None:
    """Without a word of the schema, an argument that nobody reads counts as a slip."""
    schema = {"type": "object", "properties": {"a": TEXT}, **said}
    specs = {"t": ToolSpec(name="t", parameters=schema)}
    assert (fault_of("t", '{"b": 1}', specs) is not None) is is_fault


def test_a_schema_for_additional_properties_is_checked() -> None:
    """`dict[str, int]` says what its values are."""
    schema = {"type": "object", "properties": {"a": TEXT}, "additionalProperties": WHOLE}
    specs = {"t": ToolSpec(name="t", parameters=schema)}
    assert fault_of("t", '{"b": 1}', specs) is None
    assert fault_of("t", '{"b": "x"}', specs) is not None


def test_references_and_parts_are_followed() -> None:
    """Schemas made from classes keep their enumerations and models under `$defs`."""
    schema = {
        "type": "object",
        "$defs": {
            "Kind": {"type": "string", "enum": ["pod", "service"]},
            "Ref": {"type": "object", "properties": {"kind": {"$ref": "#/$defs/Kind"}}},
        },
        "properties": {
            "ref": {"$ref": "#/$defs/Ref"},
            "kind": {"allOf": [{"$ref": "#/$defs/Kind"}]},
            "refs": {"type": "array", "items": {"$ref": "#/$defs/Ref"}},
        },
    }
    specs = {"t": ToolSpec(name="t", parameters=schema)}
    assert fault_of("t", '{"ref": {"kind": "pod"}, "kind": "service"}', specs) is None
    wrong = {
        '{"ref": {"kind": "pood"}}': ("ref.kind", "pod"),
        '{"kind": "serivce"}': ("kind", "service"),
        '{"refs": [{"kind": "pod"}, {"kind": "services"}]}': ("refs[1].kind", "service"),
    }
    for arguments, expected in wrong.items():
        found = fault_of("t", arguments, specs)
        assert found is not None
        assert (found.where, found.nearest) == expected


def test_of_several_forms_one_must_fit() -> None:
    """What comes nearest is told."""
    options = {"anyOf": [{"type": "array", "items": TEXT}, {"enum": ["all"]}]}
    specs = {"t": tool("t", pods=options)}
    assert fault_of("t", '{"pods": ["a"]}', specs) is None
    assert fault_of("t", '{"pods": "all"}', specs) is None
    found = fault_of("t", '{"pods": [1]}', specs)
    assert found is not None
    assert found.where == "pods[0]"


def test_schemas_that_refer_to_themselves_come_to_an_end() -> None:
    """A tree of nodes is a valid schema, and a circle of references is none that holds us up."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    circle = {"$ref": "#/$defs/Circle"}
    both = {"allOf": [{"$ref": "#/$defs/Both"}], "anyOf": [{"$ref": "#/$defs/Both"}]}
    for schema in ({"$ref": "#/$defs/Node"}, circle, {"$ref": "#/$defs/Both"}):
        root = {
            "properties": {"a": schema},
            "$defs": {"Node": node, "Circle": circle, "Both": both},
        }
        specs = {"t": ToolSpec(name="t", parameters=root)}
        assert fault_of("t", '{"a": {"next": {"next": {}}}}', specs) is None


def test_a_spec_and_a_fault_are_stored_as_json() -> None:
    """A replay decides by what the run knew."""
    spec = SPECS["kubectl_get"]
    assert msgspec.json.decode(msgspec.json.encode(spec), type=ToolSpec) == spec
    found = fault("kubectl", cmd="x")
    assert msgspec.json.decode(msgspec.json.encode(found), type=CallFault) == found


@given(
    st.text(min_size=1),
    st.dictionaries(st.text(min_size=1), st.text() | st.integers(), max_size=3),
    st.integers(0, 60),
)
def test_messages_stay_short(name: str, arguments: dict[str, object], parameters: int) -> None:
    """However long names and values are, and however many a tool takes."""
    many = tool("many", "p0", **{f"p{i}": {"enum": ["v" * 90] * 30} for i in range(parameters)})
    specs = {**SPECS, "many": many}
    for called in (name, name * 300, "many", "kubectl_get"):
        found = fault_of(called, json.dumps({k * 50: v for k, v in arguments.items()}), specs)
        assert found is None or len(found.message) <= LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("name", "among", "expected"),
    [
        ("kubectl_get_pods", ["kubectl", "kubectl_get", "get_logs"], "kubectl_get"),
        ("getLogs", ["get_logs", "get_log"], "get_logs"),
        ("functions.get_logs", ["get_logs", "get_pods"], "get_logs"),
        ("namepsace", ["name", "namespace"], "namespace"),
        ("ns", ["name", "namespace", "pods"], "namespace"),
        ("svc", ["service", "server"], "service"),
        ("reboot_world", ["kubectl", "get_logs"], None),
        ("", ["a"], None),
    ],
)
def test_the_nearest_name_is_found(name: str, among: list[str], expected: str | None) -> None:
    """By letters, by words and by abbreviation; nothing that is alike by chance."""
    assert nearest(name, among) == expected


WORDS = st.text(alphabet=string.ascii_lowercase, max_size=8)


@given(WORDS, WORDS)
def test_a_distance_is_one(one: str, other: str) -> None:
    """None to itself, the same both ways, and at most the longer word."""
    assert distance(one, one) == 0
    assert distance(one, other) == distance(other, one) <= max(len(one), len(other))
    assert (distance(one, other) == 0) is (one == other)
