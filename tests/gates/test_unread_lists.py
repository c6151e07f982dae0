"""Lists that are not read: which make evidence unknown, and which are only named."""

from typing import Any

import msgspec
import pytest

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.errors import PolicyError
from guardrails.gates.checks import Check, View, Witness, unread_lists
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.look import keys_of
from guardrails.gates.registry import ignorable
from guardrails.gates.snapshot import ListKey, ObjectList, Read, ReadStatus, Snapshot
from guardrails.policy.models import GateSettings


def check_of(*kinds: str) -> Check:
    """A check that says only what it could not read."""

    def judge(view: View) -> list[Evidence]:
        witness = Witness(check=CheckId("reads"), at=view.look.at)
        return list(unread_lists(witness, view, kinds))

    return Check(id=CheckId("reads"), judge=judge, lists=kinds)


def with_list(look: Snapshot, kind: str, read: Read, namespace: str = "shop") -> Snapshot:
    """A look with one list read otherwise, or one more; the first of a kind counts."""
    listed = ObjectList(key=ListKey(kind=kind, namespace=namespace), read=read)
    return msgspec.structs.replace(look, lists=(listed, *look.lists))


def test_a_refusal_of_what_few_grant_is_named_and_set_aside(world: Any) -> None:
    """ConfigMaps need not be readable; that they are not is in the report."""
    look = with_list(world.look({}), "ConfigMap", world.FORBIDDEN)
    (found,) = world.judge(check_of("ConfigMap"), look)
    assert not found.counts
    assert "ConfigMap" in found.subject.detail


def test_a_right_that_was_there_before_is_missed(world: Any) -> None:
    """Whoever takes the guard's rights away gains nothing by it."""
    before = with_list(world.look({}), "ConfigMap", Read())
    look = with_list(world.look({}), "ConfigMap", world.FORBIDDEN)
    for reference in (world.reference(before), world.reference(None, start=before)):
        (found,) = world.judge(check_of("ConfigMap"), look, reference=reference)
        assert found.counts


def test_other_failures_of_such_a_list_count(world: Any) -> None:
    """A timeout is no refusal."""
    look = with_list(world.look({}), "ConfigMap", world.TIMEOUT)
    (found,) = world.judge(check_of("ConfigMap"), look)
    assert found.counts


def test_what_the_policy_leaves_unread_is_named(world: Any) -> None:
    """The report says which evidence nobody looked for."""
    (found,) = world.judge(check_of("Node"), world.look({}), ignored_lists=frozenset({"Node"}))
    assert not found.counts
    assert "gate.ignore_lists" in found.observed


def test_cluster_wide_kinds_are_one_list(world: Any) -> None:
    """Nodes are asked for once, and reported once, whatever the namespaces."""
    assert keys_of(("Pod", "Node"), ("a", "b")) == (
        ListKey(kind="Pod", namespace="a"),
        ListKey(kind="Node"),
        ListKey(kind="Pod", namespace="b"),
    )
    incident = world.incident(namespaces=("a", "b"))
    look = with_list(world.look({}), "Node", world.FORBIDDEN, namespace="")
    (found,) = world.judge(check_of("Node"), look, incident=incident)
    assert found.subject.detail == "list Node"


def test_a_needed_kind_that_is_not_served_is_unknown(world: Any) -> None:
    """Only extensions may be missing; an API without LimitRanges is no answer."""
    read = Read(status=ReadStatus.NOT_SERVED)
    (found,) = world.judge(check_of("LimitRange"), with_list(world.look({}), "LimitRange", read))
    assert found.counts


@pytest.mark.parametrize(
    ("kind", "says"), [("Pod", "nothing can be judged"), ("Nodes", "did you mean Node")]
)
def test_what_cannot_be_ignored_is_said_at_once(kind: str, says: str) -> None:
    """Neither a kind that everything rests on, nor one that nobody reads."""
    with pytest.raises(PolicyError, match=says):
        EvidenceGate(reader=None, settings=GateSettings(ignore_lists=(kind,)))
    assert ignorable(("Node",)) == {"Node"}
