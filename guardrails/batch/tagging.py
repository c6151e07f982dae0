"""Tags one stored run: folds its events through the shipped detectors, as a live session does.

A trace of ours holds the policy that its run was decided by, and is replayed by the whole engine,
so that it gives what was found live. Any other is folded by the detectors alone: it had no guard.
Nothing here reads files.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from guardrails.actions.classify import classify
from guardrails.batch.lines import AfterDecisive, TaggedRun, short_id, tagged
from guardrails.batch.recorded import RecordedRun
from guardrails.core.events import Event, ModelReplied, RunStarted, ToolRequested
from guardrails.core.findings import Finding, FindingWithdrawn, Found, Key, standing
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.registry import DetectorStates, observe_all


@dataclass(slots=True)
class _Kept:
    """What the fold has to remember of a run besides the detectors' states."""

    standing: tuple[Finding, ...] = ()
    since: dict[Key, int] = field(default_factory=dict[Key, int])
    """Seq at which each of them was first made; a finding that grew has its last."""

    def add(self, found: tuple[Found, ...]) -> None:
        """Take in what detectors said of one event."""
        self.standing = standing(found, before=self.standing)
        for one in found:
            if isinstance(one, FindingWithdrawn):
                self.since.pop(one.key, None)
            else:
                self.since.setdefault(one.key, one.seq)


def tag_run(
    run: RecordedRun,
    *,
    source: str = "",
    modes: Collection[FailureMode] = (),
    judge: str = "",
) -> TaggedRun:
    """Fold a run's events through the detectors, and return what they found.

    Args:
        run: The run, whole.
        source: Where it was read from, as it shall stand in the line.
        modes: Those of interest; findings of others are left out. Empty: all.
        judge: A language model that adds what it finds, such as `openai:gpt-5`; empty for none.
            What it says decides no run: `decisive` is of rules alone.

    Raises:
        UsageError: The judge cannot be set up.
    """
    kept = _Kept()
    for said in found_in(run.events):
        kept.add(tuple([one for one in said if not modes or one.mode in modes]))
    found, notes = kept.standing, run.notes
    decisive = [one for one in found if one.weight is Weight.DECISIVE]
    if judge:
        found, noted = _judged(run, judge, found, modes)
        notes = {**notes, "judge": noted}
    first = min((kept.since[one.key] for one in decisive), default=None)
    return TaggedRun(
        source=source,
        run_id=run.run_id,
        format=run.format,
        model=run.model,
        fault=run.fault,
        outcome=run.outcome,
        agents=agents_of(run.events),
        steps=run.events[-1].step if run.events else 0,
        events=len(run.events),
        tool_calls=sum(isinstance(event.fact, ToolRequested) for event in run.events),
        tokens=tokens_of(run.events),
        seconds=_seconds(run.events) if run.timed else None,
        modes=tuple(sorted({short_id(one.mode) for one in found})),
        decisive=tuple(sorted({short_id(one.mode) for one in decisive})),
        after_decisive=None if first is None else _after(run, first),
        findings=tuple([tagged(one) for one in found]),
        notes=notes,
    )


def found_in(events: tuple[Event, ...]) -> Iterator[tuple[Found, ...]]:
    """Yield what detectors say of a run's events, event by event; nothing for quiet ones.

    A guarded run whose policy cannot be followed here is left to the detectors alone.
    """
    found = None
    if _was_guarded(events):
        from guardrails.batch.guarded import found_by_engine  # noqa: PLC0415  # see that module

        found = found_by_engine(events)
    yield from _by_detectors(events) if found is None else found


def _was_guarded(events: tuple[Event, ...]) -> bool:
    return any(isinstance(event.fact, RunStarted) and event.fact.policy for event in events[:2])


def _by_detectors(events: tuple[Event, ...]) -> Iterator[tuple[Found, ...]]:
    states = DetectorStates()
    for event in events:
        fact = event.fact
        action = (
            classify(fact.tool, fact.arguments, annotations=fact.annotations)
            if isinstance(fact, ToolRequested)
            else None
        )
        states, found = observe_all(states, event, action=action)
        if found:
            yield found


def _judged(
    run: RecordedRun, model: str, found: tuple[Finding, ...], modes: Collection[FailureMode]
) -> tuple[tuple[Finding, ...], str]:
    """Return findings with those of a judge, and how it went, for the notes."""
    from guardrails.batch.judge import judged  # noqa: PLC0415  # LangChain is loaded when asked for

    result = judged(run, model=model, findings=found)
    added = tuple(one for one in result.findings if not modes or one.mode in modes)
    failed = "".join(f"; {count} failed ({name})" for name, count in result.failed.items())
    dropped = sum(result.dropped.values())
    return added, (
        f"{model}: {result.segments} asked, {result.added} added, {dropped} dropped{failed}"
    )


def agents_of(events: tuple[Event, ...]) -> tuple[str, ...]:
    """Return the names of all who acted, in the order in which they came in."""
    return tuple(dict.fromkeys(event.agent for event in events if event.agent))


def tokens_of(events: tuple[Event, ...]) -> int | None:
    """Return what the model turns cost; None where no turn says."""
    used = [
        event.fact.usage
        for event in events
        if isinstance(event.fact, ModelReplied) and event.fact.usage is not None
    ]
    return sum(one.input_tokens + one.output_tokens for one in used) if used else None


def _after(run: RecordedRun, seq: int) -> AfterDecisive:
    """Return what was spent after an event.

    Counted from when the finding was made, not from the step that it is about: that is what a
    guard which acts on it could have saved.
    """
    # Sequence numbers have no gaps, but a file may begin with any.
    later = tuple([event for event in run.events if event.seq > seq])
    then = run.events[len(run.events) - len(later) - 1]
    tokens = None if tokens_of(run.events) is None else tokens_of(later) or 0
    return AfterDecisive(
        steps=run.events[-1].step - then.step,
        tokens=tokens,
        seconds=_seconds((then, *later)) if run.timed else None,
    )


def _seconds(events: tuple[Event, ...]) -> float:
    return (events[-1].at - events[0].at).total_seconds() if events else 0.0
