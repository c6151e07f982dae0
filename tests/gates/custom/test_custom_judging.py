"""What custom checks make of answers."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core.evidence import Evidence, EvidenceState, Tier
from guardrails.gates.asked import Asked, FoundObject, HttpAnswer, ObjectAnswer
from guardrails.gates.checks import Check
from guardrails.gates.custom.build import custom_checks
from guardrails.gates.reads import Read, ReadStatus
from guardrails.gates.snapshot import PrometheusState, QueryResult, Snapshot
from guardrails.policy.custom import CustomCheck

SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)
DOWN = Read(status=ReadStatus.UNREACHABLE, message="refused", temporary=True)
FORBIDDEN = Read(status=ReadStatus.FORBIDDEN, message="403")


def built(**written: Any) -> Check:
    """Build one check as a policy writes it."""
    (check,) = custom_checks([CustomCheck.model_validate({"name": "mine", **written})])
    return check


def samples(check: Check, *values: str, read: Read = DOWN) -> PrometheusState:
    """Answer the query of a check; without values the read failed."""
    answer = QueryResult(query=check.queries[0], values=values, read=Read() if values else read)
    return PrometheusState(queries=(answer,))


def found(check: Check, *objects: FoundObject, read: Read | None = None) -> Asked:
    """Answer the object question of a check."""
    answer = ObjectAnswer(question=check.objects[0], objects=objects, read=read or Read())
    return Asked(objects=(answer,))


def came(check: Check, **more: Any) -> Asked:
    """Answer the HTTP question of a check."""
    return Asked(http=(HttpAnswer(question=check.http[0], **more),))


def judged(world: Any, check: Check, **look: Any) -> Evidence:
    """Judge one look that holds only these answers."""
    scope = {k: look.pop(k) for k in list(look) if k == "last_write_at"}
    (evidence,) = world.judge(check, Snapshot(at=world.AT, **look), **scope)
    return evidence


PROMQL = {"promql": "sum(rate(errors_total[5m])) by (app) < 0.1"}
PARTS = {"query": "sum(rate(errors_total[5m])) by (app)", "op": "<", "value": 0.1}
HTTP = {"http": {"url": "http://shop.example/healthz", "contains": "ok"}}
OBJECT = {"object": {"kind": "Deployment", "group": "apps", "name": "web", "namespace": "shop"}}


def obj(**more: Any) -> dict[str, Any]:
    """Write a condition on the web Deployment."""
    return {"object": {**OBJECT["object"], **more}}


@pytest.mark.parametrize("written", [PROMQL, PARTS])
@pytest.mark.parametrize(
    ("values", "state"),
    [
        (("0.05",), SATISFIED),
        (("0.05", "0"), SATISFIED),
        (("0.05", "0.1"), VIOLATED),
        (("NaN",), UNKNOWN),
        (("0.05", "NaN"), UNKNOWN),
        (("0.5", "NaN"), VIOLATED),
        (("+Inf",), VIOLATED),
        (("-Inf",), SATISFIED),
        (("garbage",), UNKNOWN),
    ],
)
def test_every_sample_has_to_keep_to_a_comparison(
    world: Any, written: dict[str, Any], values: tuple[str, ...], state: EvidenceState
) -> None:
    """One that breaks it is a violation, one that says nothing is unknown."""
    check = built(**written)
    evidence = judged(world, check, prometheus=samples(check, *values))
    assert evidence.state is state
    assert (evidence.check, evidence.tier, evidence.expected) == ("custom:mine", "alerts", "< 0.1")


def test_a_comparison_without_data_is_unknown(world: Any) -> None:
    """No series is what a stopped exporter looks like, and a mistyped query."""
    check = built(**PROMQL)
    nothing = PrometheusState(queries=(QueryResult(query=check.queries[0]),))
    for state in (nothing, PrometheusState(), None, samples(check)):
        assert judged(world, check, prometheus=state).state is UNKNOWN


def test_samples_that_violate_are_quoted_with_their_labels(world: Any) -> None:
    """A person has to see which application it is."""
    check = built(**PROMQL)
    answer = QueryResult(
        query=check.queries[0], values=("0", "3"), labels=({"app": "a"}, {"app": "b"})
    )
    evidence = judged(world, check, prometheus=PrometheusState(queries=(answer,)))
    assert evidence.observed == '3 {app="b"}'


@pytest.mark.parametrize(
    ("answer", "state", "observed"),
    [
        ({"status": 200, "found": True}, SATISFIED, "200"),
        ({"status": 200, "found": False}, VIOLATED, "200 without the text"),
        ({"status": 503, "found": True}, VIOLATED, "503"),
        ({"status": 200, "found": None}, UNKNOWN, "200, and not in the first 1 MiB of the body"),
        ({"read": DOWN}, UNKNOWN, "unreachable: refused"),
        (
            {"status": 302, "location": "http://login.example"},
            VIOLATED,
            "302 to http://login.example, another host, which is not followed",
        ),
    ],
)
def test_a_probe_is_judged_by_status_and_text(
    world: Any, answer: dict[str, Any], state: EvidenceState, observed: str
) -> None:
    """No answer is unknown, a wrong one is a violation."""
    check = built(**HTTP)
    evidence = judged(world, check, asked=came(check, **answer))
    assert (evidence.state, evidence.observed, evidence.tier) == (state, observed, Tier.STATE)


@pytest.mark.parametrize(
    ("condition", "values", "state"),
    [
        ({"equals": 3}, ("3",), SATISFIED),
        ({"equals": 3}, ("2",), VIOLATED),
        ({"equals": 3}, ('"3"',), SATISFIED),
        ({"equals": 3}, (), UNKNOWN),
        ({"equals": True}, ('"True"',), SATISFIED),
        ({"equals": "True"}, ("true",), SATISFIED),
        ({"equals": "True"}, ('"False"',), VIOLATED),
        ({"equals": 1}, ("true",), VIOLATED),
        ({"equals": "a"}, ('"a"', '"a"'), SATISFIED),
        ({"equals": "a"}, ('"a"', '"b"'), VIOLATED),
        ({"not_equals": "a"}, ('"b"',), SATISFIED),
        ({"not_equals": "a"}, ('"a"',), VIOLATED),
        ({"not_equals": "a"}, (), UNKNOWN),
        ({"not_equals": 0}, ("0",), VIOLATED),
        ({"at_least": 2}, ("2",), SATISFIED),
        ({"at_least": 2}, ("1.5",), VIOLATED),
        ({"at_least": 0}, ("0",), SATISFIED),
        ({"at_least": 2}, ('"many"',), UNKNOWN),
        ({"at_least": 2}, ("true",), UNKNOWN),
        ({"at_least": 1000}, ('"1Ki"',), SATISFIED),
        ({"at_most": 0.5}, ('"500m"',), SATISFIED),
        ({"at_most": 0.4}, ('"500m"',), VIOLATED),
        ({"exists": True}, ("{}",), SATISFIED),
        ({"exists": True}, (), VIOLATED),
        ({"exists": False}, (), SATISFIED),
        ({"exists": False}, ("0",), VIOLATED),
        ({"one_of": ["a", 3]}, ("3",), SATISFIED),
        ({"one_of": ["a", 3]}, ('"c"',), VIOLATED),
    ],
)
def test_a_condition_is_judged_by_the_value_at_its_path(
    world: Any, condition: dict[str, Any], values: tuple[str, ...], state: EvidenceState
) -> None:
    """What is not there is unknown, unless that is what was asked."""
    check = built(**obj(path="spec.replicas", **condition))
    evidence = judged(world, check, asked=found(check, FoundObject(name="web", values=values)))
    assert evidence.state is state
    assert evidence.field == "spec.replicas"


@pytest.mark.parametrize("condition", [{"equals": 3}, {"exists": False}, {"not_equals": 1}])
def test_an_object_that_cannot_be_seen_is_unknown(world: Any, condition: dict[str, Any]) -> None:
    """Gone, refused, never asked: whatever the condition is."""
    check = built(**obj(path="spec.replicas", **condition))
    for asked in (found(check), found(check, read=FORBIDDEN), found(check, read=DOWN), Asked()):
        assert judged(world, check, asked=asked).state is UNKNOWN


def test_every_selected_object_is_judged(world: Any) -> None:
    """One fact for each, under its own name."""
    where = {"name": "", "label_selector": "app=web", "path": "spec.x", "equals": 1}
    check = built(**obj(**where))
    asked = found(check, FoundObject(name="a", values=("1",)), FoundObject(name="b", values=("2",)))
    evidence = world.judge(check, Snapshot(at=world.AT, asked=asked))
    assert [(e.subject.name, e.state) for e in evidence] == [("a", SATISFIED), ("b", VIOLATED)]


@pytest.mark.parametrize(
    ("settle", "ago", "hard"),
    [(None, 60, False), (None, 180, True), ("30s", 60, True), ("5m", 180, False), (0, 1, True)],
)
def test_a_violation_settles_for_a_while_after_a_write(
    world: Any, settle: Any, ago: int, hard: Any
) -> None:
    """Controllers need their time; without a write nothing is on its way."""
    check = built(**obj(path="spec.x", equals=1), settle=settle)
    asked = found(check, FoundObject(name="web", values=("2",)))
    evidence = judged(world, check, asked=asked, last_write_at=world.AT - timedelta(seconds=ago))
    assert (evidence.settles_by is None or evidence.settles_by <= world.AT) is hard
    assert judged(world, check, asked=asked).settles_by is None


def test_what_is_missing_just_after_a_write_may_come_back(world: Any) -> None:
    """It stays unknown, and is asked for again."""
    check = built(**obj(path="spec.x", equals=1))
    gone = Read(status=ReadStatus.ERROR, message="404 not found")
    for asked in (found(check), found(check, read=gone)):
        assert judged(world, check, asked=asked, last_write_at=world.AT).temporary
        assert not judged(world, check, asked=asked).temporary


def test_a_check_that_is_not_required_is_only_told(world: Any) -> None:
    """It is in the report and decides nothing."""
    check = built(**HTTP, required=False)
    assert not judged(world, check, asked=came(check, status=500)).counts
    assert not check.required


def test_a_look_with_answers_replays_from_json(world: Any) -> None:
    """The snapshot holds all that the judgement rests on."""
    check = built(**HTTP)
    look = Snapshot(at=world.AT, asked=came(check, status=200, found=True))
    again = msgspec.json.decode(msgspec.json.encode(look), type=Snapshot)
    assert world.judge(check, again) == world.judge(check, look)


ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "prometheus": st.builds(
            PrometheusState,
            queries=st.lists(
                st.builds(
                    QueryResult,
                    query=st.just(built(**PARTS).queries[0]),
                    read=st.sampled_from([Read(), DOWN, FORBIDDEN]),
                    values=st.lists(st.sampled_from(["NaN", "", "x"]), max_size=3).map(tuple),
                ),
                max_size=1,
            ).map(tuple),
        ),
        "asked": st.builds(
            Asked,
            http=st.lists(
                st.builds(
                    HttpAnswer,
                    question=st.just(built(**HTTP).http[0]),
                    read=st.sampled_from([DOWN, FORBIDDEN]),
                    status=st.sampled_from([0, 200]),
                    found=st.sampled_from([None, True]),
                ),
                max_size=1,
            ).map(tuple),
            objects=st.lists(
                st.builds(
                    ObjectAnswer,
                    question=st.just(built(**obj(path="a", at_least=1)).objects[0]),
                    read=st.sampled_from([DOWN, FORBIDDEN]),
                    objects=st.just((FoundObject(name="web", values=("3",)),)),
                ),
                max_size=1,
            ).map(tuple),
        ),
    },
)


@given(ANSWERS)
def test_unknown_never_passes(world: Any, answers: dict[str, Any]) -> None:
    """Whatever is missing, refused, late or senseless, no custom check is satisfied by it."""
    for written in (PARTS, HTTP, obj(path="a", at_least=1)):
        evidence = world.judge(built(**written), Snapshot(at=world.AT, **answers))
        assert [e.state for e in evidence] == [UNKNOWN]
