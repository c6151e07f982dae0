"""Whether Chaos Mesh breaks something in scope: experiments that run, and Schedules of them.

Experiments usually live in a namespace of their own and name the one that they strike, so they
are listed across the cluster; where that is not granted the report says so.
"""

from collections.abc import Iterator

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.objects.chaos import (
    AnyChaos,
    ChaosSelector,
    DNSChaos,
    Experiment,
    ExperimentSpec,
    HTTPChaos,
    IOChaos,
    JVMChaos,
    KernelChaos,
    NetworkChaos,
    PodChaos,
    Schedule,
    StressChaos,
    TimeChaos,
)
from guardrails.gates.kubernetes.topology import condition, reaction_by
from guardrails.gates.snapshot import Snapshot

ID = CheckId("no-chaos")

KINDS: tuple[type[AnyChaos], ...] = (
    Schedule,
    PodChaos,
    NetworkChaos,
    StressChaos,
    HTTPChaos,
    IOChaos,
    DNSChaos,
    TimeChaos,
    JVMChaos,
    KernelChaos,
)
LISTS = tuple(kind.__name__ for kind in KINDS)

ONE_SHOT = frozenset({"pod-kill", "container-kill"})
"""Actions that are over once they are done; only a Schedule repeats them."""


def judge_chaos(view: View) -> list[Evidence]:
    """Judge every experiment that strikes a namespace of the scope."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for item in _all(view.look):
        hit = sorted(struck_by(item) & set(view.scope.namespaces))
        if hit:
            found.append(_judge(witness, view, item, hit))
    return found


NO_CHAOS = Check(id=ID, judge=judge_chaos, lists=LISTS)


def _all(look: Snapshot) -> Iterator[AnyChaos]:
    for kind in KINDS:
        yield from look.objects(kind, "")


def struck_by(item: AnyChaos) -> frozenset[str]:
    """Return the namespaces that an experiment strikes."""
    found: set[str] = set()
    for spec in specs_of(item):
        for selector in (spec.selector, *((spec.target.selector,) if spec.target else ())):
            found |= _namespaces(selector, item.metadata.namespace)
    return frozenset(found)


def specs_of(item: AnyChaos) -> Iterator[ExperimentSpec]:
    """Yield the experiments of an object: its own, or the one that a Schedule repeats."""
    if isinstance(item, Experiment):
        yield item.spec
        return
    spec = item.spec
    inside = (
        *(spec.pod_chaos, spec.network_chaos, spec.stress_chaos, spec.http_chaos, spec.io_chaos),
        *(spec.dns_chaos, spec.time_chaos, spec.jvm_chaos, spec.kernel_chaos),
    )
    yield from (experiment for experiment in inside if experiment is not None)


def _namespaces(selector: ChaosSelector, home: str) -> frozenset[str]:
    named = frozenset((*(selector.namespaces or ()), *(selector.pods or ())))
    return named or frozenset({home})


def _rest(item: AnyChaos) -> str:
    """Return why an experiment does no harm now; nothing when it does."""
    notes = item.metadata.annotations
    if notes is not None and notes.chaos_paused == "true":
        return "paused"
    if not isinstance(item, Experiment):
        return ""
    injected = condition(item.status.conditions, "AllInjected")
    if item.spec.action in ONE_SHOT and injected is not None and injected.status == "True":
        return f"{item.spec.action} is done, and does not come again"
    recovered = condition(item.status.conditions, "AllRecovered")
    over = recovered is not None and recovered.status == "True"
    return "over" if over and item.status.experiment.desired_phase == "Stop" else ""


def _judge(witness: Witness, view: View, item: AnyChaos, hit: list[str]) -> Evidence:
    rest = _rest(item)
    if rest:
        return witness.satisfied(refer(item), observed=rest, expected="no experiment runs")
    going = item.metadata.deletion_timestamp is not None
    actions = ", ".join(s.action for s in specs_of(item) if s.action)
    words = f"strikes {', '.join(hit)}" + (f" ({actions})" if actions else "")
    evidence = witness.violated(
        refer(item),
        observed=f"{words}; it is being deleted" if going else words,
        expected="no experiment runs, or it is paused",
        settles_by=reaction_by(view.history, view.scope) if going else None,
        settling=f"{type(item).__name__} {item.metadata.name} to be gone",
    )
    return aside(evidence) if _was_so(view, item) else evidence


def _was_so(view: View, item: AnyChaos) -> bool:
    """Tell whether the same experiment ran when all was well."""
    past = view.reference.snapshot
    if past is None:
        return False
    key = (item.metadata.namespace, item.metadata.name)
    return any(
        (old.metadata.namespace, old.metadata.name) == key and not _rest(old)
        for old in past.objects(type(item), "")
    )
