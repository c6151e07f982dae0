"""FM-3.2: tests are said to have run, and nothing ran.

Who traces code by hand and says so has checked it in the only way there was. Who writes `5 passed
in 0.02s`, or `ran the whole suite`, where no tool ever returned, has made the check up. And where
the agent that is there to check never says a word, nothing was checked at all.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from guardrails.actions.passages import lines_of
from guardrails.core.events import EndRequested, Event, ModelReplied, ToolReturned
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding
from guardrails.detectors.scene import Scene

DETECTOR = "UnrunChecks"

CLAIMS: Final = 3
"""Claims quoted of one turn."""
SILENT_TURNS: Final = 3
"""Empty turns of an agent that checks until it counts as silent. Frameworks that pick the next
speaker by a model let an agent pass once or twice before it speaks."""
CHECKERS: Final = 8
"""Agents that check and are remembered."""

_MAY_CLAIM = re.compile(
    r"\b(?:ran|run|running|execut\w+|pass(?:ed|es|ing)?|results?)\b", re.IGNORECASE
)
_TESTS = (
    r"(?:(?:unit|regression|property|integration|smoke|full|whole|entire|complete|all|test)\s+)*"
    r"(?:tests?\b|suites?\b|test\s+\w+|pytest\b|unittest\b|propert(?:y|ies)\b|checks\b|benchmarks?\b)"
)
_COUNT = r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_RUNNER = re.compile(
    r"\s*[$>]\s*(?:python3?\s+-m\s+)?(?:pytest|unittest|tox|nox|go test|cargo test"
    r"|npm (?:run )?test|yarn test|mvn test|gradle test|make test|ctest|jest|rspec)\b"
    r"|.*\b\d+ passed\b.{0,60}\bin \d+(?:\.\d+)?\s?s"
    r"|\s*\S+::\w+.*\b(?:PASSED|FAILED)\b"
    r"|\s*Ran \d+ tests? in \d"
)
"""What test runners print, and the line that starts them."""
_OF_TESTS = rf"\s+(?:\w+['\u2019]?s?\s+){{0,4}}?(?:{_COUNT}\s+)?{_TESTS}"
_RAN = re.compile(
    r"(?:(?:^|[:;—(]\s*|\b(?:I|we|and|then|just|have|has|had)\s+)(?:re-?)?(?:ran|executed)"
    rf"|\b(?:I|we)(?:\s+have|['\u2019]ve)\s+(?:\w+\s+)?(?:re-?)?run){_OF_TESTS}",
    re.IGNORECASE,
)
_RUNNING = re.compile(
    rf"^\W*(?:now\s+)?(?:re-?)?(?:running|executing){_OF_TESTS}.*(?::|\.\.\.|…|\bnow)\W*$",
    re.IGNORECASE,
)
"""`Running the suite against checkout:`, with what came of it below; without the colon it may be
what somebody else is to do."""
_RESULTS = re.compile(
    r"\W*(?:test|run|execution|pytest)(?:[- ](?:run|suite|execution))?\s+(?:results?|output|log)\b"
    r"[^\w\n]*:\W*(?P<said>.*)$",
    re.IGNORECASE,
)
"""`**Test run result:** …`: a heading over what a run gave."""
_ALL_PASS = re.compile(
    rf"\ball\s+{_COUNT}\s+(?:\w+\s+)?tests?\s+(?:pass|passed|are\s+passing)\b"
    rf"|\b\d+\s*/\s*\d+\s+(?:tests?\s+)?pass(?:ed|ing)?\b|\b\d+\s+(?:tests?\s+)?passed,\s*\d+",
    re.IGNORECASE,
)
_WAS_RUN = re.compile(
    rf"\b(?:code|script|implementation|{_TESTS})\s+(?:was|were|(?:has|have)\s+been)\s+(?:re-?)?"
    r"(?:run|executed)\b"
    r"|\b(?:I|we)(?:['\u2019]ve|\s+have)?\s+(?:just\s+|actually\s+|also\s+)?(?:re-?)?(?:ran|executed)\s+"
    r"(?:it|this|that|the|them|your|both|each)\b(?!\s+\w*\s*through)",
    re.IGNORECASE,
)
_TOLD = (_RAN, _RUNNING, _ALL_PASS, _WAS_RUN)
_NO_CLAIM = re.compile(
    r"\b(?:mental(?:ly)?|by hand|hand[- ]?trac\w*|trac(?:e|ed|ing)|reason(?:ed|ing)|logical(?:ly)?"
    r"|in (?:my|your) head|line by line|on paper|inspection|expected|should|would|could|will"
    r"|can(?:not)?|please|if|once|when|after|before|until|not|n't|never|without|unable"
    r"|simulat\w+|hypothetical|let me|let's|need|want|must)\b",
    re.IGNORECASE,
)
"""Words of somebody who says how it was checked instead, or who speaks of a run that is to come."""
_CHECKER = re.compile(
    r"test|review|verif|valid|critic|check|judge|audit|evaluat|qa\b|inspect", re.IGNORECASE
)
_RUNS_CODE = re.compile(
    r"execut|terminal|prox(?:y|ies)|runner|sandbox|interpreter|console", re.IGNORECASE
)
"""Agents that run what others wrote: what they print was run, whatever the trace shows of it."""


class Checker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An agent that is there to check, and has not said anything yet."""

    agent: str
    steps: tuple[int, ...] = ()
    """Its empty turns."""


class UnrunState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether anything ran, and who has not spoken yet."""

    ran: bool = False
    """A tool returned: from now on a run that is told of may be one."""
    heard: tuple[str, ...] = ()
    """Agents that check and have spoken."""
    silent: tuple[Checker, ...] = ()


def observe(
    state: UnrunState, event: Event, scene: Scene
) -> tuple[UnrunState, tuple[Finding, ...]]:
    """Fold one event."""
    match event.fact:
        case ToolReturned() if not state.ran:
            return msgspec.structs.replace(state, ran=True), ()
        case ModelReplied() as reply:
            if not reply.text.strip() and not reply.tool_calls and not reply.reasoning:
                return _said_nothing(state, event), ()
            state = _spoke(state, event)
            if state.ran or not _MAY_CLAIM.search(reply.text) or _RUNS_CODE.search(event.agent):
                return state, ()
            return state, _claimed(event, reply.text)
        case EndRequested() if scene.several:
            silent = [one for one in state.silent if len(one.steps) >= SILENT_TURNS]
            return state, tuple(_silence(event, one) for one in silent)
        case _:
            return state, ()


@lru_cache(maxsize=64)
def _checks(agent: str) -> bool:
    """Tell by its name whether an agent is there to check; the same few speak all the time."""
    return _CHECKER.search(agent) is not None


def _said_nothing(state: UnrunState, event: Event) -> UnrunState:
    if event.agent in state.heard or not _checks(event.agent):
        return state
    others = tuple(one for one in state.silent if one.agent != event.agent)
    before = next((one.steps for one in state.silent if one.agent == event.agent), ())
    checker = Checker(agent=event.agent, steps=(*before[-SILENT_TURNS:], event.step))
    return msgspec.structs.replace(state, silent=(*others, checker)[-CHECKERS:])


def _spoke(state: UnrunState, event: Event) -> UnrunState:
    if event.agent in state.heard or not _checks(event.agent):
        return state
    return msgspec.structs.replace(
        state,
        heard=(*state.heard, event.agent)[-CHECKERS:],
        silent=tuple(one for one in state.silent if one.agent != event.agent),
    )


def _silence(event: Event, one: Checker) -> Finding:
    return finding(
        event,
        FailureMode.INCOMPLETE_VERIFICATION,
        DETECTOR,
        why=f"{one.agent} was there to check and never said a word",
        about=f"silence of {one.agent}",
        agent=one.agent,
        steps=one.steps,
        confidence=0.8,
    )


def _claimed(event: Event, text: str) -> tuple[Finding, ...]:
    claims = tuple(_claims_in(text))
    if not claims:
        return ()
    said = finding(
        event,
        FailureMode.INCOMPLETE_VERIFICATION,
        DETECTOR,
        why="says that tests ran, and nothing was run",
        about="tests that never ran",
        evidence=claims[:CLAIMS],
        confidence=0.8,
    )
    return (said,)


def _claims_in(text: str) -> Iterator[str]:
    """Yield the lines and sentences that tell of a run."""
    for line in lines_of(text):
        if line.language is not None or line.text.lstrip()[:1] in {"$", ">"}:
            # A test's own source is no run of it; what a runner printed is.
            if _RUNNER.match(line.text) is not None and "def " not in line.text:
                yield line.text
            continue
        found = _RESULTS.match(line.text)
        if found is not None and _NO_CLAIM.search(line.text) is None:
            yield line.text
        for sentence in _SENTENCE.findall(line.text):
            if _is_claim(sentence):
                yield sentence.strip()


_SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?=\S)[^.!?]+)*[.!?]?")


def _is_claim(sentence: str) -> bool:
    if _NO_CLAIM.search(sentence) is not None:
        return False
    return any(told.search(sentence) is not None for told in _TOLD)
