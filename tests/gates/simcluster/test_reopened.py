"""A gate that is opened again in another process judges by the world as the run began."""

from dataclasses import replace

import pytest

from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.errors import BaselineError
from guardrails.gates.base import GateRequest, NotingRun
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.together import GatesTogether
from guardrails.testing import ScriptedGate

from .conftest import MITIGATED, NS, Shop


async def _judged(shop: Shop, gate: EvidenceGate | GatesTogether, noted: bytes) -> GateReport:
    """Judge a claim by a gate that is opened late: by notes, or by none."""
    run = await (gate.reopen(shop.incident, noted) if noted else gate.open(shop.incident))
    now = shop.time.now()
    return await run.evaluate(
        GateRequest(incident=shop.incident, claim=MITIGATED, last_write_at=now)
    )


async def _noted(gate: EvidenceGate | GatesTogether, shop: Shop) -> bytes:
    run = await gate.open(shop.incident)
    assert isinstance(run, NotingRun)
    return run.noted()


async def test_what_was_there_when_the_run_began_is_still_missed(shop: Shop) -> None:
    """Replicas are taken away; the process dies; who looks only now has never seen them."""
    noted = await _noted(shop.gate(), shop)
    shop.cluster.patch("Deployment", "payment", {"spec": {"replicas": 1}}, NS)
    shop.cluster.run_for(120)
    late = await _judged(shop, shop.gate(), b"")
    known = await _judged(shop, shop.gate(), noted)
    assert late.verdict is GateVerdict.PASS
    assert known.verdict is GateVerdict.FAIL
    assert "Deployment shop/payment" in known.summary


async def test_gates_together_each_get_their_own_notes(shop: Shop) -> None:
    """Those that noted nothing are opened anew."""
    gate = GatesTogether(shop.gate(), [ScriptedGate(GateVerdict.PASS)])
    noted = await _noted(gate, shop)
    assert (await _judged(shop, gate, noted)).verdict is GateVerdict.PASS
    shop.cluster.delete("Service", "payment", NS)
    shop.cluster.run_for(60)
    assert (await _judged(shop, gate, noted)).verdict is GateVerdict.FAIL


async def test_one_snapshot_is_noted_whatever_the_choice_of_reference(shop: Shop) -> None:
    """With a baseline too: it is chosen again, by the same start."""
    await shop.record()
    run = await shop.gate().open(shop.incident)
    again = await shop.gate().reopen(shop.incident, run.noted())
    assert again.noted() == run.noted()
    assert replace(again.case.reference, snapshot=None) == replace(
        run.case.reference, snapshot=None
    )


@pytest.mark.parametrize("noted", [b"x", b"\x78\x9c", b"x" * 100])
async def test_broken_notes_are_told(shop: Shop, noted: bytes) -> None:
    """They are no reason to look anew, as if the run had just begun."""
    with pytest.raises(BaselineError, match="as the run began"):
        await shop.gate().reopen(shop.incident, noted)
