"""Answers what checks ask beside lists: HTTP requests, and objects by path, all at the same time.

The guard's own read identity is the only one that is used for the cluster; a probe goes out from
where the guard runs.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from guardrails.gates.asked import (
    Asked,
    HttpAnswer,
    HttpQuestion,
    ObjectAnswer,
    ObjectQuestion,
)
from guardrails.gates.checks import Check
from guardrails.gates.custom.probe import probe
from guardrails.gates.kubernetes.reader import ClusterReader, ObjectReader
from guardrails.gates.reads import Read, ReadStatus

NO_CLUSTER = Read(
    status=ReadStatus.UNREACHABLE, message="no cluster was given; give --kubeconfig or --context"
)

CANNOT_FETCH = Read(
    status=ReadStatus.ERROR, message="this reader of the cluster knows lists only (no `fetch`)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What is asked in one look, each once."""

    http: tuple[HttpQuestion, ...] = ()
    objects: tuple[ObjectQuestion, ...] = ()


def questions_of(checks: Iterable[Check]) -> Questions:
    """Return what the checks ask, once each."""
    checks = tuple(checks)
    return Questions(
        http=tuple(dict.fromkeys(q for check in checks for q in check.http)),
        objects=tuple(dict.fromkeys(q for check in checks for q in check.objects)),
    )


def queries_of(checks: Iterable[Check]) -> list[str]:
    """Return the PromQL that the checks declare, once each."""
    return list(dict.fromkeys(query for check in checks for query in check.queries))


async def answers(cluster: ClusterReader | None, questions: Questions) -> Asked:
    """Ask everything at once; what fails says so in its answer."""
    async with asyncio.TaskGroup() as group:
        http = [group.create_task(_probe(q)) for q in questions.http]
        objects = [group.create_task(_fetch(cluster, q)) for q in questions.objects]
    return Asked(
        http=tuple(task.result() for task in http),
        objects=tuple(task.result() for task in objects),
    )


async def _probe(question: HttpQuestion) -> HttpAnswer:
    try:
        return await probe(question)
    except Exception as error:  # noqa: BLE001  # whatever breaks a probe, the look goes on
        return HttpAnswer(question=question, read=broken(error))


async def _fetch(cluster: ClusterReader | None, question: ObjectQuestion) -> ObjectAnswer:
    if cluster is None:
        return ObjectAnswer(question=question, read=NO_CLUSTER)
    if not isinstance(cluster, ObjectReader):
        return ObjectAnswer(question=question, read=CANNOT_FETCH)
    try:
        return await cluster.fetch(question)
    except Exception as error:  # noqa: BLE001  # a reader that breaks its word is an unread object
        return ObjectAnswer(question=question, read=broken(error))


def broken(error: Exception) -> Read:
    """Return how a read went whose reader raised, against its contract."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return Read(status=ReadStatus.ERROR, message=f"the reader failed: {said}")
