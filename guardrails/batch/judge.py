"""An optional judge: a language model adds the modes for which words must be understood.

Off unless asked for, and never alone: it costs money and agrees with people moderately at best, so
its findings are marked, capped in confidence, and checked word for word against what it was shown.
Whatever happens to the model, the findings of the rules stay.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, cast

from guardrails.batch.judging.asking import (
    Answer,
    findings_in,
    instructions,
    last_of,
    question,
)
from guardrails.batch.judging.segments import SEGMENTS, Segment, segments_of
from guardrails.core.events import Event
from guardrails.core.findings import Finding, standing
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TIMEOUT: Final = 120.0
"""Seconds for one answer; a reasoning model takes up to a minute over a segment."""

RETRIES: Final = 2
"""Further attempts of one call, by the model's own client."""

FAILURES_IN_A_ROW: Final = 3
"""Failed answers after which the rest of a run is not asked for: the provider is down, or the key
is wrong, and each attempt takes its time."""


class Run(Protocol):
    """What is judged: `RecordedRun`, or anything else that has events."""

    @property
    def events(self) -> tuple[Event, ...]:
        """The run's events, in order."""
        ...


class Asking(Protocol):
    """A model that answers in our form."""

    def invoke(self, messages: Sequence[tuple[str, str]], /) -> object:
        """Answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a judge made of a run."""

    findings: tuple[Finding, ...]
    """Those that were given, and those that the judge adds."""
    added: int = 0
    segments: int = 0
    """Segments that were asked about."""
    skipped: int = 0
    """Segments that were not: beyond the most of a run, or after the model failed repeatedly."""
    failed: Counter[str] = field(default_factory=Counter[str])
    """Segments without a usable answer, by the error's type."""
    dropped: Counter[str] = field(default_factory=Counter[str])
    """Tags that did not hold, by why: an unknown `mode`, a `quote` or a `step` that is not in the
    segment, no `confidence`, beyond the `number` that is read, or `known` to a rule already."""


def judge_run(
    run: Run, *, model: "str | BaseChatModel", findings: Iterable[Finding] = ()
) -> tuple[Finding, ...]:
    """Return a run's findings with those that a language model adds.

    Args:
        run: The run.
        model: As `init_chat_model` writes it, such as `openai:gpt-5`; or a LangChain chat model.
        findings: What the rules found. They are returned whatever the model does.

    Raises:
        UsageError: LangChain, or the package of the model's provider, is not installed.
    """
    return judged(run, model=model, findings=findings).findings


def judged(run: Run, *, model: "str | BaseChatModel", findings: Iterable[Finding] = ()) -> Judged:
    """Do `judge_run`, and say what was asked, what failed and what was dropped.

    Raises:
        UsageError: As `judge_run`.
    """
    asking = _asking(model)
    given = tuple(findings)
    cut = segments_of(run.events)
    wanted = cut[:SEGMENTS]
    failed: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    added: list[Finding] = []
    asked = in_a_row = 0
    for segment in wanted:
        if in_a_row >= FAILURES_IN_A_ROW:
            break
        asked += 1
        answer = _answer(asking, segment, failed)
        in_a_row = 0 if answer is not None else in_a_row + 1
        if answer is None:
            continue
        for one in findings_in(answer, segment, run=last_of(run.events), dropped=dropped):
            if _is_known(one, given):
                dropped["known"] += 1
            else:
                added.append(one)
    both = standing(added, before=given)
    return Judged(
        findings=both,
        added=len(both) - len(standing((), before=given)),
        segments=asked,
        skipped=len(cut) - asked,
        failed=failed,
        dropped=dropped,
    )


def _answer(asking: Asking, segment: Segment, failed: Counter[str]) -> Answer | None:
    try:
        said = asking.invoke([("system", instructions()), ("user", question(segment))])
    except Exception as error:  # noqa: BLE001  # whatever a provider raises, the rules' findings stay
        failed[type(error).__name__] += 1
        return None
    if isinstance(said, Answer):
        return said
    failed["NoAnswer"] += 1  # a model that answers in words, or refuses
    return None


def _is_known(one: Finding, given: tuple[Finding, ...]) -> bool:
    """Tell whether a rule found the same mode of the same agent in one of these steps."""
    return any(
        known.mode is one.mode and known.agent == one.agent and set(known.steps) & set(one.steps)
        for known in given
    )


def _asking(model: "str | BaseChatModel") -> Asking:
    """Return a model that answers in our form.

    Raises:
        UsageError: Something is not installed, or the model's name is unknown.
    """
    if not isinstance(model, str):
        return _structured(model)
    try:
        from langchain.chat_models import init_chat_model  # noqa: PLC0415  # two seconds to import

        made = init_chat_model(model, timeout=TIMEOUT, max_retries=RETRIES)
    except ImportError as error:
        raise UsageError(
            f"a judge needs LangChain and the package of its model's provider: {error}; "
            "`pip install 'guarded-agent[openai]'` brings those of OpenAI"
        ) from error
    except Exception as error:
        raise UsageError(f"{model!r} cannot be the judge: {_first_line(error)}") from error
    return _structured(made)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _structured(model: "BaseChatModel") -> Asking:
    return cast("Asking", model.with_structured_output(Answer))  # pyright: ignore[reportUnknownMemberType]  # LangChain leaves the answer's type open
