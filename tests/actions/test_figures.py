"""Figures of questions, and where they come from."""

from hypothesis import example, given
from hypothesis import strategies as st

from guardrails.actions.figures import figures_in, unsourced, worked_out

FIGURES = st.frozensets(st.integers(min_value=3, max_value=400).map(float), min_size=1, max_size=8)


def test_figures_come_in_digits_and_in_words() -> None:
    """People write both, and parts of a whole."""
    found = figures_in("Three shards of 1,200 pods; a dozen fail, 5% restart, and 2/5 are new.")
    assert {3.0, 1200.0, 12.0, 5.0, 0.05, 0.4} <= found


def test_an_id_is_no_figure() -> None:
    """Nobody calculates with a long run of digits."""
    assert not figures_in("9" * 400)


def test_an_equation_with_a_figure_of_its_own_gives_nothing() -> None:
    """What follows from an assumption is assumed."""
    assert not worked_out("3 * 77 = 231", frozenset({3.0}))


def test_each_figure_without_a_source_comes_with_its_line() -> None:
    """So that a person can look at it."""
    code = "import x99\npods = 77\nname = 'pod-88'\nleft = pods - 77 - 55  # 66"
    assert unsourced(code, frozenset({3.0})) == (
        ("77", "pods = 77"),
        ("55", "left = pods - 77 - 55  # 66"),
    )


@given(FIGURES, st.data())
def test_sums_and_products_of_given_figures_have_a_source(
    given_: frozenset[float], data: st.DataObject
) -> None:
    """People do these in their heads."""
    one, other = (data.draw(st.sampled_from(sorted(given_))) for _ in range(2))
    code = f"a = {one + other:.0f}\nb = {one * other:.0f}"
    assert unsourced(code, given_) == ()


@example(text='1""0', given_=frozenset())
@given(st.text(alphabet=st.sampled_from("0123456789.,/%*=$()'\"# \nahlf"), max_size=300), FIGURES)
def test_any_text_can_be_searched(text: str, given_: frozenset[float]) -> None:
    """What is found is finite, and stands in the text."""
    assert all(abs(one) < 1e15 for one in figures_in(text) | worked_out(text, given_))
    for number, line in unsourced(text, given_):
        assert number in text
        assert line in text
