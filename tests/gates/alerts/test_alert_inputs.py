"""Whether the rules of the incident's alerts still see anything."""

from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.alerts.inputs import (
    ALERT_INPUTS_PRESENT,
    UP,
    carriers,
    input_queries,
    scrape_seconds,
)
from guardrails.gates.checks import View
from guardrails.gates.snapshot import JobTargets, QueryResult, Read, ReadStatus

SATISFIED, UNKNOWN = EvidenceState.SATISFIED, EvidenceState.UNKNOWN
METRIC = carriers("errors_total")


def answer(query: str, *jobs: str) -> QueryResult:
    """Jobs with one series each."""
    return QueryResult(
        query=query, values=("1",) * len(jobs), labels=tuple({"job": job} for job in jobs)
    )


def judged(world: Any, *now: QueryResult, start: tuple[QueryResult, ...] = ()) -> Any:
    """Judge answers against those of the start."""
    before = world.look({}, at=-60, prometheus=world.alerts(queries=start))
    (found,) = world.judge(
        ALERT_INPUTS_PRESENT,
        world.look({}, prometheus=world.alerts(queries=now)),
        reference=world.reference(start=before),
        incident=world.incident(alerts=(world.ALERT,)),
    )
    return found


def test_what_is_asked_comes_from_the_rules(world: Any) -> None:
    """One query for each metric of the rules in scope, and one for the targets."""
    incident = world.incident(alerts=(world.ALERT,))
    rules = [world.rule(), world.rule(), world.rule("Other", query="other_total > 0")]
    assert input_queries(incident, rules) == (UP, METRIC)
    assert input_queries(world.incident(), rules) == ()


@pytest.mark.parametrize(
    ("carried", "up"),
    [
        (("web", "cart"), ("web", "cart")),
        (("web",), ("web", "cart")),
        ((), ("web", "cart")),
        (("web", "cart-v2"), ("web", "cart-v2")),
        (("web", "cart"), ()),
    ],
    ids=["as before", "one has nothing to say", "none has", "one was renamed", "pushed"],
)
def test_inputs_that_are_looked_at_are_present(
    world: Any, carried: tuple[str, ...], up: tuple[str, ...]
) -> None:
    """A series that ends while its job answers ended by itself, as that of a crash loop does."""
    start = (answer(UP, "web", "cart"), answer(METRIC, "web", "cart"))
    found = judged(world, answer(UP, *up), answer(METRIC, *carried), start=start)
    assert found.state is SATISFIED


@pytest.mark.parametrize(
    ("carried", "up"),
    [((), ()), (("web",), ("web",)), ((), ("other",))],
    ids=["nothing scraped", "one job gone", "only another job"],
)
def test_inputs_that_nobody_scrapes_prove_nothing(
    world: Any, carried: tuple[str, ...], up: tuple[str, ...]
) -> None:
    """The alert is quiet because its rule sees nothing."""
    start = (answer(UP, "web", "cart"), answer(METRIC, "web", "cart"))
    found = judged(world, answer(UP, *up), answer(METRIC, *carried), start=start)
    assert (found.state, found.temporary) == (UNKNOWN, True)
    assert found.field == "errors_total"


def test_a_quiet_server_without_a_past_proves_nothing(world: Any) -> None:
    """A gate that is opened when all is done knows no past, and still sees that nothing is up."""
    assert judged(world, answer(UP), answer(METRIC)).state is UNKNOWN


@pytest.mark.parametrize("failed", [UP, METRIC])
def test_an_input_that_cannot_be_asked_is_unknown(world: Any, failed: str) -> None:
    """No answer is not an empty one, and neither is a question that was not put."""
    refused = Read(status=ReadStatus.ERROR, message="503", temporary=True)
    answers = [
        QueryResult(query=q, read=refused) if q == failed else answer(q, "web")
        for q in (UP, METRIC)
    ]
    unasked = [a for a in answers if a.query != failed]
    assert judged(world, *answers).state is UNKNOWN
    assert judged(world, *unasked).state is UNKNOWN


def test_scrapes_are_those_of_what_feeds_the_rules(world: Any) -> None:
    """The rarest of them, counted over five minutes; where nothing is counted, nothing is known."""
    jobs = (
        JobTargets(job="web", samples=10),
        JobTargets(job="cart", samples=4),
        JobTargets(job="elsewhere", samples=2),
    )

    def seconds(*queries: QueryResult, jobs: tuple[JobTargets, ...] = jobs) -> float:
        look = world.look({}, prometheus=world.alerts(queries=queries, jobs=jobs))
        reference = world.reference(start=look)
        return scrape_seconds(View(reference=reference, history=(look,), scope=world.scope()))

    assert seconds(answer(METRIC, "web")) == 30.0
    assert seconds(answer(METRIC, "web", "cart")) == 75.0
    assert seconds(answer(METRIC, "web"), jobs=()) == 0.0
    assert seconds() == 0.0
