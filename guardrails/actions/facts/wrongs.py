"""Which facts say that something is wrong, and how much.

The words are those of kubelets and controllers; an unknown word is not held against its object.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from guardrails.actions.facts.fact import GONE, STATUS
from guardrails.actions.tables import tokens

WRONG: Final = 2
"""Something failed or is not there."""
DOUBTFUL: Final = 1
"""Something may fail, did for a while, or is not ready yet."""

_FAILS = re.compile(
    r"error|err[a-z]*pull|back-?off|fail|oom|kill|evict|not-?ready|lost|invalid|crash|cannot|denied"
    r"|unschedulable|mismatch|refused|degraded|missing|unhealthy|deadline|exceeded|containerstatus"
    r"unknown|unavailable|^unknown$|^pending$|^released$|exited",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"creating|initiali[sz]ing|^init:|terminating|schedulingdisabled|outofsync|progressing"
    r"|waiting|suspended|unknown|pending|^notready$",
    re.IGNORECASE,
)
_DONE = tokens("Completed Succeeded Complete")
_PRESSURES = tokens(
    "MemoryPressure DiskPressure PIDPressure NetworkUnavailable ReplicaFailure Failed Stalled"
    " DisruptionTarget"
)
"""Conditions that are well when they are false."""
_EITHER_WAY = tokens("Suspended ScalingLimited Paused SuccessCriteriaMet FailureTarget")
"""Conditions that say nothing of health."""
_RATIO = re.compile(r"(\d+)/(\d+)")
_RECENT = re.compile(r"\((?:\d+m)?\d+[ms] ago\)")
"""A restart within the last hours: days and hours are written `5d` and `3h20m`."""
_PASSING = tokens("Unhealthy FailedToUpdateEndpoint FailedGetResourceMetric ProbeWarning")
"""Events that every slow start brings."""


def gravity(what: str, value: str) -> int:
    """Tell how wrong one fact is: `WRONG`, `DOUBTFUL` or 0.

    >>> gravity("status", "CrashLoopBackOff"), gravity("ready", "1/1"), gravity("restarts", "4")
    (2, 0, 1)
    """
    match what.partition(":")[0]:
        case "status" | "reason" | "health" | "sync" | "waiting":
            return _of_word(value)
        case "ready":
            return _of_ratio(value)
        case "completions":
            return min(_of_ratio(value), DOUBTFUL)
        case "restarts":
            return _of_restarts(value)
        case "exit-code":
            return 0 if value == "0" else WRONG
        case "endpoints":
            return WRONG if value in {"<none>", "none"} else 0
        case "condition":
            return _of_condition(what.partition(":")[2], value)
        case "event":
            return DOUBTFUL if what.partition(":")[2] in _PASSING else WRONG
        case "alert-state":
            return {"firing": WRONG, "active": WRONG, "pending": DOUBTFUL}.get(value.lower(), 0)
        case "rollout":
            return {"complete": 0, "waiting": DOUBTFUL}.get(value, WRONG)
        case "targets" | "external-ip":
            return DOUBTFUL if "<unknown>" in value or "<pending>" in value else 0
        case _:
            return 0


def _of_word(value: str) -> int:
    if value in _DONE or value == GONE:
        return 0
    if _FAILS.search(value):
        return WRONG
    return DOUBTFUL if _UNSURE.search(value) else 0


def _of_ratio(value: str) -> int:
    found = _RATIO.match(value)
    if found is None:
        return WRONG if value.lower().startswith("false") else 0
    if int(found[1]) < int(found[2]):
        return WRONG
    return DOUBTFUL if found[2] == "0" else 0


def _of_restarts(value: str) -> int:
    if not value[:1].isdigit() or value.partition(" ")[0] == "0":
        return 0
    return WRONG if _RECENT.search(value) else DOUBTFUL


def _of_condition(name: str, value: str) -> int:
    if name in _EITHER_WAY:
        return 0
    bad = "true" if name in _PRESSURES else "false"
    state = value.partition(" ")[0].lower()
    return WRONG if state == bad else DOUBTFUL if state == "unknown" else 0


@lru_cache(maxsize=4_096)
def gravities(what: tuple[str, ...], value: tuple[str, ...]) -> tuple[int, ...]:
    """Tell how wrong each fact of one object is; pods are alike, so answers are remembered.

    What has done its work needs not be ready: a completed pod shows `0/1`.
    """
    told = dict(zip(what, value, strict=False))
    done = told.get(STATUS) in _DONE
    if _is_short(told):
        return tuple(WRONG if w == "ready" else gravity(w, v) for w, v in told.items())
    return tuple(
        0
        if done and w in {"ready", "condition:Ready", "condition:ContainersReady"}
        else gravity(w, v)
        for w, v in zip(what, value, strict=False)
    )


def _is_short(told: Mapping[str, str]) -> bool:
    """Tell whether fewer are ready than desired, where they stand in two columns."""
    desired, ready = told.get("desired", ""), told.get("ready", "")
    return desired.isdecimal() and ready.isdecimal() and int(ready) < int(desired)
