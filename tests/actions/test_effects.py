"""The table of real command lines in `effects.txt`, and what holds for parts joined together."""

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.shell import analyse
from guardrails.core.toolaction import Effect


class Row(NamedTuple):
    """One row of the table."""

    effect: str
    line: str


def _rows() -> list[Row]:
    text = Path(__file__).with_name("effects.txt").read_text(encoding="utf-8")
    split = [row.partition("|") for row in text.splitlines() if not row.startswith("#")]
    return [Row(effect.strip(), line.strip().replace("⏎", "\n")) for effect, _, line in split]


ROWS = _rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.line[:70])
def test_a_command_line_has_the_effect_of_the_table(row: Row) -> None:
    """Each line is judged as the table says, and understood unless the table doubts it."""
    action = analyse(row.line)
    if row.effect == "doubt":
        assert not action.understood
        assert action.effect.gravity >= Effect.WRITE.gravity
    else:
        assert (action.effect, action.understood) == (Effect(row.effect), True)


_READS = [row.line for row in ROWS if row.effect == "read" and "\n" not in row.line]
_DOUBTS = [row.line for row in ROWS if row.effect == "doubt"]


@given(
    st.sampled_from(_READS),
    st.sampled_from(["; ", " && ", " || ", " | ", "\n", " & "]),
    st.sampled_from(_DOUBTS),
)
def test_a_read_joined_to_what_cannot_be_read_is_no_read(read: str, by: str, doubt: str) -> None:
    """Neither order lets the readable part speak for the other."""
    for line in (f"{read}{by}{doubt}", f"{doubt}\n{read}"):
        action = analyse(line)
        assert not action.understood
        assert action.effect is not Effect.READ


_LONG = 100_000
_PIECES = (
    *(">", "<", "$)", ">[`", "`<]", "[a)", "1)|", "${", "$(", "(", "{ ", "'", '"', "`", "&", "\\"),
    *(
        "ls;",
        "ls|",
        "ls&&",
        "eval ",
        "bash -c ",
        "xargs ",
        "find . -exec ",
        "sudo ",
        "if true; then ",
    ),
    *("a=1;", "<<EOF ", "$a", "{a,b}", "[[ ", "case a in a) "),
)


@pytest.mark.parametrize("piece", _PIECES)
def test_a_piece_repeated_for_100_kb_is_answered(piece: str) -> None:
    """A model caught in a loop stalls nobody: 100 kB of `>` took 84 seconds to parse."""
    action = analyse(piece * (_LONG // len(piece)))
    assert not action.understood


@pytest.mark.parametrize(
    "line",
    [
        "sed '" + " " * 9_000 + "w x'",
        "sed '/" + "[" * 9_000 + "'",
        "awk '/" + "[" * 9_000 + "'",
        ";".join(f"a{number}=1" for number in range(8_000)) + "; echo $b",
        "cat <<EOF " + " ".join(f"w{number}" for number in range(12_000)) + "\na\nEOF",
    ],
    ids=lambda line: line[:12],
)
def test_a_long_script_is_read_in_linear_time(line: str) -> None:
    """Each of these took more than ten seconds, some many hours; the suite ends all the same."""
    assert analyse(line).effect in {Effect.READ, Effect.WRITE}


def test_a_long_honest_line_is_still_read() -> None:
    """A text that is long because it has much to say is parsed as ever."""
    pods = " ".join(f"web-{number * 7919 % 10_007:x}" for number in range(1, 1_500))
    action = analyse(f"kubectl get pod {pods}")
    assert (action.effect, action.understood) == (Effect.READ, True)
