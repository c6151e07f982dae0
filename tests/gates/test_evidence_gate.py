"""The gate as its callers see it: when it decides, when it waits, and what it reports."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.core.claims import Claim, ClaimKind, NamedEntity
from guardrails.core.evidence import EvidenceState, GateProgress, GateReport, GateVerdict, Tier
from guardrails.core.incident import Goal, Slo, Workload
from guardrails.gates.base import GateRequest
from guardrails.gates.checks import Check
from guardrails.gates.composition import replays
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.gates.snapshot import (
    AlertmanagerState,
    ListKey,
    ObjectList,
    PrometheusState,
    QueryResult,
    Read,
    ReadStatus,
)
from guardrails.policy.models import GateSettings
from guardrails.testing.clock import ManualClock

MITIGATED = Claim(kind=ClaimKind.MITIGATED, text="fixed")
STATE = {"require": "state", "allow_no_alert_source": True}


class Cluster:
    """A scripted cluster: what it holds is a function of the time since the start."""

    def __init__(self, world: Any, clock: ManualClock, script: Callable[[float], Any]) -> None:
        self.world, self.clock, self.script = world, clock, script
        self.failed: Callable[[float], Mapping[str, Read]] = lambda _: {}
        self.asked: Counter[str] = Counter()
        self.uid = "cluster-1"

    async def list(self, key: ListKey) -> ObjectList:
        """Answer one list."""
        self.asked[f"{key.kind}@{self.clock.monotonic():g}"] += 1
        if key.kind == "Namespace":
            return ObjectList(key=key)
        seconds = self.clock.monotonic()
        read = self.failed(seconds).get(key.kind, Read())
        return self.world.listed(key.kind, self.script(seconds).get(key.kind, []), read)

    async def identity(self) -> str:
        """Name the cluster."""
        return self.uid


class Prom:
    """A scripted Prometheus."""

    def __init__(
        self, world: Any, clock: ManualClock, script: Callable[[float], Sequence[Any]]
    ) -> None:
        self.world, self.clock, self.script = world, clock, script
        self.read_as: Callable[[float], Read] = lambda _: Read()

    async def read(self, *, queries: Sequence[str] = ()) -> PrometheusState:
        """Answer with what fires now, and rules that were evaluated just now."""
        seconds = self.clock.monotonic()
        read = self.read_as(seconds)
        return PrometheusState(
            alerts_read=read,
            alerts=tuple(self.script(seconds)) if read.ok else (),
            rules_read=read,
            rules=(self.world.rule(last_evaluation=self.clock.now()),) if read.ok else (),
            queries=tuple(QueryResult(query=q, read=read, values=("1",)) for q in queries),
        )


class Alertmanager:
    """An Alertmanager that holds nothing, or cannot be read."""

    def __init__(self, read: Read) -> None:
        self.state = AlertmanagerState(alerts_read=read, silences_read=read)

    async def read(self) -> AlertmanagerState:
        """Answer."""
        return self.state


class Stage:
    """A gate over scripted sources in virtual time."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.clock = ManualClock(world.AT, auto_advance=True)
        self.cluster = Cluster(world, self.clock, lambda _: world.app())
        self.prometheus: Prom | None = None
        self.alertmanager: Alertmanager | None = None
        self.progress: list[GateProgress] = []

    def with_alerts(self, script: Callable[[float], Sequence[Any]] = lambda _: ()) -> "Stage":
        """Give the gate a Prometheus."""
        self.prometheus = Prom(self.world, self.clock, script)
        return self

    def gate(self, **more: Any) -> EvidenceGate:
        """Build the gate."""
        policy = more.pop("policy", STATE)
        return EvidenceGate(
            reader=self.cluster,
            prometheus=self.prometheus,
            alertmanager=self.alertmanager,
            settings=GateSettings.model_validate(policy),
            clock=self.clock,
            **more,
        )

    async def judge(
        self, *, incident: Any = None, claim: Claim | None = MITIGATED, **more: Any
    ) -> GateReport:
        """Open a run, and judge one end of it."""
        ask = {k: more.pop(k) for k in list(more) if k not in {"policy", "checks", "baselines"}}
        about = incident or self.world.incident()
        run = await self.gate(**more).open(about)
        self.cluster.asked.clear()
        request = GateRequest(incident=about, claim=claim, **ask)
        return await run.evaluate(request, on_progress=self.progress.append)


@pytest.fixture
def stage(world: Any) -> Stage:
    """Return a healthy cluster without alerts."""
    return Stage(world)


async def test_a_false_claim_fails_at_the_first_look(stage: Stage, world: Any) -> None:
    """No time passes before the refusal."""
    broken = world.app()
    broken["Service"][0]["spec"]["selector"] = {"app": "nope"}
    stage.cluster.script = lambda _: broken
    report = await stage.judge()
    assert report.verdict is GateVerdict.FAIL
    assert stage.clock.monotonic() == 0
    assert "matches no pod" in report.summary


async def test_a_healthy_state_passes_when_it_was_stable(stage: Stage) -> None:
    """Sixty seconds and not one poll more than needed."""
    report = await stage.judge()
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.STATE)
    assert stage.clock.monotonic() == 60


async def test_each_list_is_read_once_per_look(stage: Stage) -> None:
    """However many checks need it."""
    await stage.judge(wait=False)
    assert set(stage.cluster.asked.values()) == {1}
    assert {k.split("@")[0] for k in stage.cluster.asked} == set(lists_of(DEFAULT_CHECKS[:-2]))


async def test_without_waiting_it_looks_once(stage: Stage) -> None:
    """One look can fail an end and never pass it."""
    report = await stage.judge(wait=False)
    assert report.verdict is GateVerdict.PENDING
    assert len(report.trail) == 1
    assert stage.clock.monotonic() == 0


async def test_a_rollout_is_waited_for(stage: Stage, world: Any) -> None:
    """Pending while it settles, with the reason, and a pass that counts from its end."""
    rolling = world.app()
    rolling["Deployment"][0]["status"]["updatedReplicas"] = 1
    rolling["Deployment"][0]["status"]["conditions"][1] = world.condition(
        "Progressing", "True", "ReplicaSetUpdated", 0
    )
    stage.cluster.script = lambda t: rolling if t < 20 else world.app()
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() == 80
    assert stage.progress[0].waiting_for == ("Deployment web to finish its rollout",)
    assert [p.looks for p in stage.progress] == list(range(1, len(stage.progress) + 1))


async def test_a_regression_while_waiting_fails(stage: Stage, world: Any) -> None:
    """What breaks inside the window is found inside the window."""
    crashed = world.app()
    crashed["Pod"][0]["status"]["containerStatuses"][0].update(
        ready=False, restartCount=1, state={"waiting": {"reason": "CrashLoopBackOff"}}
    )
    stage.cluster.script = lambda t: crashed if t >= 30 else world.app()
    report = await stage.judge()
    assert report.verdict is GateVerdict.FAIL
    assert stage.clock.monotonic() == 30


async def test_a_flap_starts_the_stability_time_again(stage: Stage, world: Any) -> None:
    """Good, not ready for a moment, good: the first part does not count."""
    blip = world.app()
    blip["Pod"][0]["status"]["conditions"] = [world.condition("Ready", "False", "X", 30)]
    stage.cluster.script = lambda t: blip if 28 <= t < 32 else world.app()
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() == 95


async def test_a_403_is_unknown_at_once(stage: Stage, world: Any) -> None:
    """Asking again does not help against RBAC."""
    stage.cluster.failed = lambda _: {"Pod": world.FORBIDDEN}
    report = await stage.judge()
    assert report.verdict is GateVerdict.UNKNOWN
    assert stage.clock.monotonic() == 0
    assert "forbidden" in report.summary


async def test_a_source_that_comes_back_is_waited_for(stage: Stage, world: Any) -> None:
    """A timeout inside the grace only costs time."""
    stage.cluster.failed = lambda t: {"Pod": world.TIMEOUT} if t < 10 else {}
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() >= 70


async def test_a_source_that_stays_away_is_unknown_after_the_grace(
    stage: Stage, world: Any
) -> None:
    """And the grace is kept to."""
    stage.cluster.failed = lambda _: {"Pod": world.TIMEOUT}
    report = await stage.judge()
    assert report.verdict is GateVerdict.UNKNOWN
    assert stage.clock.monotonic() == 15


async def test_a_source_lost_in_the_middle_is_unknown(stage: Stage, world: Any) -> None:
    """Good looks before do not outlive the source."""
    stage.cluster.failed = lambda t: {"Pod": world.TIMEOUT} if t >= 30 else {}
    report = await stage.judge()
    assert report.verdict is GateVerdict.UNKNOWN


async def test_waiting_ends_when_its_time_is_spent(stage: Stage, world: Any) -> None:
    """A wait that will not end in time is pending, and says what for."""
    rolling = world.app()
    rolling["Deployment"][0]["status"]["updatedReplicas"] = 1
    rolling["Deployment"][0]["status"]["conditions"][1] = world.condition(
        "Progressing", "True", "ReplicaSetUpdated", 0
    )
    stage.cluster.script = lambda _: rolling
    report = await stage.judge(wait_at_most_seconds=12.0)
    assert report.verdict is GateVerdict.PENDING
    assert stage.clock.monotonic() == 12
    assert "rollout" in report.summary


async def test_it_does_not_wait_for_what_cannot_come_in_time(stage: Stage) -> None:
    """With less time left than the window needs there is nothing to wait for."""
    report = await stage.judge(wait_at_most_seconds=30.0)
    assert report.verdict is GateVerdict.PENDING
    assert stage.clock.monotonic() == 0


async def test_time_that_nobody_watched_does_not_count(stage: Stage, world: Any) -> None:
    """A machine that slept for minutes saw two good looks, and nothing between them."""
    slept = False

    def script(seconds: float) -> Any:
        nonlocal slept
        if seconds >= 5 and not slept:
            slept = True
            stage.clock.advance(300)
        return world.app()

    stage.cluster.script = script
    report = await stage.judge()
    assert report.verdict is GateVerdict.PASS
    assert any(s.verdict is GateVerdict.UNKNOWN for s in report.trail)
    assert stage.clock.monotonic() >= 5 + 300 + 60


async def test_waiting_can_be_cancelled(world: Any) -> None:
    """Cancellation passes through at once."""
    stage = Stage(world)
    stage.clock = ManualClock(world.AT)
    stage.cluster.clock = stage.clock
    task = asyncio.create_task(stage.judge())
    while stage.clock.sleepers == 0:  # noqa: ASYNC110  # virtual time: one turn is enough
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_alert_source_is_unknown_unless_allowed(stage: Stage) -> None:
    """Without Prometheus nothing tells whether alerts are clear."""
    report = await stage.judge(policy={"require": "state"})
    assert report.verdict is GateVerdict.UNKNOWN
    assert any(e.check == "alert-source" for e in report.unknown)


async def test_an_allowed_missing_source_gives_tier_state_at_most(stage: Stage) -> None:
    """Whatever tier the policy asks for."""
    report = await stage.judge(policy={"require": "full", "allow_no_alert_source": True})
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.STATE)


async def test_without_a_cluster_everything_is_unknown(stage: Stage, world: Any) -> None:
    """A gate without a cluster never passes."""
    gate = EvidenceGate(reader=None, settings=GateSettings.model_validate(STATE), clock=stage.clock)
    run = await gate.open(world.incident())
    report = await run.evaluate(GateRequest(incident=world.incident(), claim=MITIGATED))
    assert report.verdict is GateVerdict.UNKNOWN
    assert "no cluster was given" in report.summary


async def test_a_firing_alert_without_a_write_fails_at_once(stage: Stage, world: Any) -> None:
    """The agent changed nothing, so the alert is not on its way out."""
    stage.with_alerts(lambda _: [world.firing("HighRequestErrorRate")])
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(incident=incident, policy={})
    assert report.verdict is GateVerdict.FAIL
    assert stage.clock.monotonic() == 0


async def test_full_proof_takes_the_window_of_the_rule(stage: Stage, world: Any) -> None:
    """The alert clears, and then must stay clear for the derived window."""
    stage.with_alerts(lambda t: [world.firing("HighRequestErrorRate")] if t < 100 else [])
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(incident=incident, policy={}, last_write_at=world.AT)
    assert (report.verdict, report.tier) == (GateVerdict.PASS, Tier.FULL)
    assert stage.clock.monotonic() == 100 + 360
    assert "HighRequestErrorRate" in report.window.derived_from


async def test_an_alert_that_does_not_clear_fails_when_its_time_is_up(
    stage: Stage, world: Any
) -> None:
    """A write buys what the rule needs and no more."""
    stage.with_alerts(lambda _: [world.firing("HighRequestErrorRate")])
    incident = world.incident(alerts=(world.ALERT,))
    report = await stage.judge(incident=incident, policy={}, last_write_at=world.AT)
    assert report.verdict is GateVerdict.FAIL
    assert 180 <= stage.clock.monotonic() <= 185


async def test_a_healthy_baseline_catches_what_was_gone_at_the_start(
    stage: Stage, world: Any, tmp_path: Any
) -> None:
    """The Service was deleted before the run began; only a recorded snapshot knows it."""
    from guardrails.gates.snapshot import write_snapshot  # noqa: PLC0415  # one use

    write_snapshot(world.look(world.app(), at=-3600), tmp_path / "healthy.json.gz")
    broken = world.app()
    broken["Service"], broken["EndpointSlice"] = [], []
    stage.cluster.script = lambda _: broken
    report = await stage.judge(baselines=[tmp_path])
    assert report.verdict is GateVerdict.FAIL
    assert report.reference.source == "snapshot"


async def test_what_was_broken_before_is_held_against_nobody(
    stage: Stage, world: Any, tmp_path: Any
) -> None:
    """A chronic fault beside the incident is reported and does not refuse an honest fix."""
    from guardrails.gates.snapshot import write_snapshot  # noqa: PLC0415  # one use

    chronic = world.app("legacy")
    chronic["Service"][0]["spec"]["selector"] = {"app": "nope"}
    both = world.join(world.app(), chronic)
    write_snapshot(world.look(both, at=-7200), tmp_path / "old.json")
    alert = msgspec.structs.replace(world.ALERT, starts_at=world.AT - timedelta(minutes=5))
    incident = world.incident(alerts=(alert,))
    stage.with_alerts().cluster.script = lambda _: both
    report = await stage.judge(incident=incident, baselines=[tmp_path], policy={"require": "state"})
    aside = [e for e in report.evidence if not e.counts and e.state is EvidenceState.VIOLATED]
    assert report.verdict is GateVerdict.PASS
    assert [e.subject.name for e in aside if e.check == "service-reaches-pods"] == ["legacy"]


async def test_a_workload_that_the_incident_names_is_never_excused(
    stage: Stage, world: Any, tmp_path: Any
) -> None:
    """The reference that shows it broken is passed over."""
    from guardrails.gates.snapshot import write_snapshot  # noqa: PLC0415  # one use

    broken = world.app()
    broken["Deployment"][0]["status"]["conditions"][1] = world.condition(
        "Progressing", "False", "ProgressDeadlineExceeded"
    )
    broken["Deployment"][0]["status"]["updatedReplicas"] = 1
    write_snapshot(world.look(broken, at=-7200), tmp_path / "old.json")
    stage.cluster.script = lambda _: broken
    incident = world.incident(workloads=(Workload(name="web"),))
    report = await stage.judge(incident=incident, baselines=[tmp_path])
    assert report.verdict is GateVerdict.FAIL
    assert report.reference.source == "run-start"
    assert "passed over" in report.reference.detail


async def test_a_diagnosis_needs_no_time(stage: Stage, world: Any) -> None:
    """What it names exists and was looked at: that is all that can be asked."""
    claim = Claim(kind=ClaimKind.DIAGNOSED, entities=(NamedEntity(name="web", kind="deployment"),))
    report = await stage.judge(
        incident=world.incident(goal=Goal.DIAGNOSIS), claim=claim, observed=frozenset({"web"})
    )
    assert report.verdict is GateVerdict.PASS
    assert stage.clock.monotonic() == 0


async def test_a_diagnosis_of_what_was_never_looked_at_fails(stage: Stage) -> None:
    """A name out of nowhere is no finding."""
    claim = Claim(kind=ClaimKind.DIAGNOSED, entities=(NamedEntity(name="web"),))
    assert (await stage.judge(claim=claim)).verdict is GateVerdict.FAIL


async def test_a_run_without_a_claim_gets_a_report(stage: Stage) -> None:
    """A run that was broken off is described all the same."""
    report = await stage.judge(claim=None, wait=False)
    assert report.claim is ClaimKind.GAVE_UP
    assert report.evidence


async def test_a_check_that_breaks_is_unknown(stage: Stage) -> None:
    """Somebody else's check raises: its silence is no consent."""

    def explode(*_: Any) -> Any:
        raise RuntimeError("boom")

    broken = Check(id="custom", judge=explode)  # type: ignore[arg-type]
    report = await stage.judge(checks=(*DEFAULT_CHECKS, broken))
    assert report.verdict is GateVerdict.UNKNOWN
    assert "boom" in report.summary


async def test_a_reader_that_raises_is_unknown(stage: Stage) -> None:
    """A reader that breaks its word does not break the run."""

    async def explode(_: ListKey) -> ObjectList:
        raise RuntimeError("boom")

    stage.cluster.list = explode  # type: ignore[method-assign]
    assert (await stage.judge()).verdict is GateVerdict.UNKNOWN


async def test_an_empty_namespace_is_unknown(stage: Stage) -> None:
    """Nothing to judge is never a pass, and a namespace that does not exist is named."""
    stage.cluster.script = lambda _: {}
    report = await stage.judge()
    assert report.verdict is GateVerdict.UNKNOWN
    assert "namespace shop does not exist" in report.summary


KINDS = lists_of(c for c in DEFAULT_CHECKS if ClaimKind.MITIGATED in c.claims)
FAILURES = [
    Read(status=status, message="said so", temporary=temporary)
    for status in ReadStatus
    if status is not ReadStatus.OK
    for temporary in (True, False)
]


async def everything(world: Any, failed: Mapping[str, Read], *, prometheus: Read, am: Read) -> Any:
    """Judge a healthy world in which some sources are broken, and return the report."""
    stage = Stage(world).with_alerts()
    assert stage.prometheus is not None
    stage.prometheus.read_as = lambda _: prometheus
    stage.alertmanager = Alertmanager(am)
    stage.cluster.failed = lambda _: failed
    incident = world.incident(alerts=(world.ALERT,), slo=(Slo(name="ok", query="up > bool -1"),))
    return await stage.judge(incident=incident, policy={})


def test_any_one_broken_list_is_unknown(world: Any) -> None:
    """Every list matters, whatever its failure."""
    for kind in KINDS:
        for failure in FAILURES:
            report = asyncio.run(everything(world, {kind: failure}, prometheus=Read(), am=Read()))
            assert report.verdict is GateVerdict.UNKNOWN, kind
            assert any(kind in e.subject.detail for e in report.unknown), kind


@settings(max_examples=60, deadline=None)
@given(
    failed=st.dictionaries(st.sampled_from(KINDS), st.sampled_from(FAILURES)),
    prometheus=st.sampled_from([Read(), *FAILURES]),
    am=st.sampled_from([Read(), *FAILURES]),
)
def test_any_broken_sources_never_pass_and_replay(
    world: Any, failed: Mapping[str, Read], prometheus: Read, am: Read
) -> None:
    """Over random subsets of broken sources, a pass means that none was broken."""
    report = asyncio.run(everything(world, failed, prometheus=prometheus, am=am))
    broken = bool(failed) or not prometheus.ok or not am.ok
    assert (report.verdict is GateVerdict.UNKNOWN) is broken
    assert (report.verdict is GateVerdict.PASS) is not broken
    assert replays(msgspec.json.decode(msgspec.json.encode(report), type=GateReport))
