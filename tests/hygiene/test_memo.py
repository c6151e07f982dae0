"""What is remembered, and what is forgotten again."""

from guardrails.hygiene import memo as memos
from guardrails.hygiene.memo import Memo


def test_work_is_done_once_for_each_text() -> None:
    """What it gave is remembered."""
    seen: list[str] = []
    change = Memo().once("note", lambda text: seen.append(text) or text.upper())
    assert [change("ab"), change("ab")] == ["AB", "AB"]
    assert seen == ["ab"]


def test_objects_are_told_apart_by_identity() -> None:
    """Equal ones are not the same."""
    change = Memo().once_each("note", lambda given: [*given, len(given)])
    one, other = [1], [1]
    assert change(one) is change(one)
    assert change(one) is not change(other)


def test_what_is_asked_for_again_outlives_what_is_not() -> None:
    """Memory stays bounded: two generations, however many texts come."""
    memo = Memo()
    made: list[int] = []
    change = memo.once("note", lambda number: made.append(number) or number)
    change(-1)
    for number in range(4 * memos.MOST):
        memo.once("note", lambda number: made.append(number) or number)(number)
        if number % 1_000 == 0:
            memo.settle()
            memo.once("note", lambda number: made.append(number) or number)(-1)
    assert made.count(-1) == 1
    assert memo.size <= 2 * memos.MOST + 2_000
