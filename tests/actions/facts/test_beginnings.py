"""Where in an output something begins that can be read."""

from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.facts.asked import Ask
from guardrails.actions.facts.extract import facts_in

_ASKED = [Ask("pod", "shop")]
_TABLE = "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   0/1     Pending   0          5s"
_ROW = ("pod/shop/web-1", ("ready", "status", "restarts"), ("0/1", "Pending", "0"))
_CHATTER = st.lists(
    st.sampled_from(["", "done", "checkout is slow", "all is well", "2026-01-01 12:00 ok", "  x"]),
    max_size=5,
)


@given(_CHATTER)
def test_a_table_is_read_behind_lines_of_any_other_kind(lines: list[str]) -> None:
    """A harness may print what it likes before what a command printed."""
    assert list(facts_in("\n".join([*lines, _TABLE]), _ASKED)) == [_ROW]


def test_what_begins_within_a_line_is_part_of_that_line() -> None:
    """Only the beginning of a line is looked at."""
    assert not list(facts_in(f"checkout {_TABLE}".replace("\n", " "), _ASKED))


def test_the_next_piece_begins_where_the_one_before_it_ends() -> None:
    """`kubectl get all` prints one table below the other."""
    other = _TABLE.replace("web-1", "api-1")
    found = [key for key, _, _ in facts_in(f"{_TABLE}\n{other}\n\n{_TABLE}", _ASKED)]
    assert found == ["pod/shop/web-1", "pod/shop/api-1", "pod/shop/web-1"]
