"""The set of names that tools returned."""

import re

from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.nameset import NAMES_LIMIT, NameSet, names_in

NAMES = st.text("abcdef", min_size=3, max_size=6)


@given(st.lists(st.lists(NAMES, max_size=20), max_size=30))
def test_it_holds_what_was_added(batches: list[list[str]]) -> None:
    """Level by level it is the same as one set."""
    names, plain = NameSet(), set[str]()
    for batch in batches:
        names, plain = names.add(batch), plain | set(batch)
    assert names.all() == plain
    assert len(names) == len(plain)
    assert all(name in names for name in plain)


def test_it_forgets_the_oldest_beyond_its_bound() -> None:
    """A run on a huge cluster keeps what it saw last."""
    names = NameSet()
    for n in range(3 * NAMES_LIMIT // 100):
        names = names.add(f"pod-{n}-{m}" for m in range(100))
    newest = 3 * NAMES_LIMIT // 100 - 1
    assert len(names) <= 2 * NAMES_LIMIT
    assert f"pod-{newest}-99" in names
    assert "pod-0-0" not in names


def test_names_are_read_from_what_kubectl_prints() -> None:
    """A table row, a path and JSON all give their names."""
    text = 'checkout-7d9f8-abcde 1/1 Running\ndeployment.apps/frontend\n{"name": "payment"}'
    found = names_in(text)
    assert {"checkout-7d9f8-abcde", "frontend", "payment"} <= found


@given(st.text("ab9-. /:A\ud800é\n", max_size=200))
def test_names_are_the_longest_runs_that_a_name_could_be(text: str) -> None:
    """The rule of RFC 1123, as an expression says it."""
    assert names_in(text) == frozenset(re.findall(r"[a-z0-9][-a-z0-9.]*[a-z0-9]", text))
