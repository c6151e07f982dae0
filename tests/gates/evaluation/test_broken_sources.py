"""Over every way in which sources break, a pass means that none was broken."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.core.claims import ClaimKind
from guardrails.core.evidence import EvidenceState, GateReport, GateVerdict
from guardrails.core.incident import Slo
from guardrails.gates.composition import replays
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.gates.snapshot import (
    Read,
    ReadStatus,
)

KINDS = lists_of(c for c in DEFAULT_CHECKS if ClaimKind.MITIGATED in c.claims)
FAILURES = [
    Read(status=status, message="said so", temporary=temporary)
    for status in ReadStatus
    if not Read(status=status).ok
    for temporary in (True, False)
]


def is_excused(kind: str, failure: Read) -> bool:
    """Whether a refusal is held against nobody: few grant the kind, and nobody did before."""
    return failure.status is ReadStatus.FORBIDDEN and RESOURCES[kind].refusable


async def everything(
    stage: Any, world: Any, failed: Mapping[str, Read], *, prometheus: Read, am: Read
) -> Any:
    """Judge a healthy world in which some sources are broken, and return the report."""
    stage.with_alerts().with_alertmanager(am)
    stage.prometheus.read_as = lambda _: prometheus
    stage.cluster.failed = lambda _: failed
    incident = world.incident(alerts=(world.ALERT,), slo=(Slo(name="ok", query="up > bool -1"),))
    return await stage.judge(incident=incident, policy={})


def test_any_one_broken_list_is_unknown(new_stage: Any, world: Any) -> None:
    """Every list matters, whatever its failure; what few grant is named when it is refused."""
    for number, kind in enumerate(KINDS):
        # Every failure of the first kinds; of the many that follow, each in turn.
        for failure in FAILURES if number < len(FAILURES) else (FAILURES[number % len(FAILURES)],):
            report = asyncio.run(
                everything(new_stage(), world, {kind: failure}, prometheus=Read(), am=Read())
            )
            excused = is_excused(kind, failure)
            assert (report.verdict is GateVerdict.UNKNOWN) is not excused, kind
            named = [
                e for e in report.evidence if f"list {kind}" in getattr(e.subject, "detail", "")
            ]
            assert any(e.state is EvidenceState.UNKNOWN for e in named), kind
            assert any(e.counts for e in named) is not excused, kind


@settings(max_examples=60)
@given(
    failed=st.dictionaries(st.sampled_from(KINDS), st.sampled_from(FAILURES)),
    prometheus=st.sampled_from([Read(), *FAILURES]),
    am=st.sampled_from([Read(), *FAILURES]),
)
def test_any_broken_sources_never_pass_and_replay(
    new_stage: Any, world: Any, failed: Mapping[str, Read], prometheus: Read, am: Read
) -> None:
    """Over random subsets of broken sources, a pass means that none that is needed was broken."""
    report = asyncio.run(everything(new_stage(), world, failed, prometheus=prometheus, am=am))
    counted = any(not is_excused(kind, failure) for kind, failure in failed.items())
    broken = counted or not prometheus.ok or not am.ok
    assert (report.verdict is GateVerdict.UNKNOWN) is broken
    assert (report.verdict is GateVerdict.PASS) is not broken
    assert replays(msgspec.json.decode(msgspec.json.encode(report), type=GateReport))
