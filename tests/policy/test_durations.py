import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.policy.durations import LONGEST, format_duration, parse_duration
from guardrails.policy.models import GateSettings


@given(st.integers(min_value=0, max_value=int(LONGEST * 1000)))
def test_a_duration_survives_being_written(milliseconds: int) -> None:
    """Writing and reading a duration gives the same seconds."""
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value", ["", "5", 5, "5 m", "m", "-5s", "1h-3m", None, True, "٣s", "9999d"]
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    """A number without a unit could mean anything."""
    with pytest.raises(ValueError, match=r"duration|longer than a year"):
        parse_duration(value)


def test_python_gives_seconds_as_numbers() -> None:
    """In code, where the type says seconds, a number is enough."""
    assert GateSettings(stable_for=0.5, poll_every=1).stable_for == 0.5
