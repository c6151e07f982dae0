"""Mechanisms that a cause rests on, and whether anything that was shown speaks of them."""

import pytest

from guardrails.actions.mechanisms import unshown_mechanisms
from guardrails.actions.sentences import read


def unshown(cause: str, *shown: str) -> tuple[str, ...]:
    """Return what a cause rests on and nothing shows."""
    return unshown_mechanisms(read(cause), tuple(map(read, shown)))


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        ("the client of cart retries without backoff", ("retries", "backoff")),
        ("the connection pool of checkout is exhausted", ("a pool",)),
        ("DNS does not answer", ("name resolution",)),
        ("a certificate rotation went wrong", ("a rotation",)),
        ("the image of checkout does not exist", ()),
        ("the carpool service is down", ()),
    ],
)
def test_a_mechanism_that_nothing_shows_is_named(cause: str, found: tuple[str, ...]) -> None:
    """By whatever form of its word."""
    assert unshown(cause, "GET /cart 503", "cart-1 0/1 Pending") == found


def test_a_mechanism_that_shows_in_any_form_is_backed() -> None:
    """`timed out` speaks of timeouts; `poolSize` speaks of none, as a word of its own."""
    assert unshown("timeouts of the database", "dial tcp: i/o: timed out") == ()
    assert unshown("the pool is too small", "poolSize: 4") == ("a pool",)
    assert unshown("the pool is too small", "pool size: 4") == ()
