"""How far apart the runs of a schedule lie."""

import pytest

from guardrails.gates.kubernetes.schedules import longest_gap


@pytest.mark.parametrize(
    ("schedule", "minutes"),
    [
        ("* * * * *", 1),
        ("*/5 * * * *", 5),
        ("*/7 * * * *", 7),
        ("0 * * * *", 60),
        ("@hourly", 60),
        ("0,30 * * * *", 30),
        ("10-20 * * * *", 50),
        ("10-20/5 * * * *", 50),
        ("50/5 * * * *", 55),
        ("0 */1 * * ?", 60),
    ],
)
def test_schedules_of_every_hour_have_a_longest_gap(schedule: str, minutes: int) -> None:
    """Across the full hour, too."""
    found = longest_gap(schedule)
    assert found is not None
    assert found.total_seconds() == minutes * 60


@pytest.mark.parametrize(
    "schedule",
    ["0 3 * * *", "0 * 1 * *", "0 * * 2 *", "0 * * * MON", "@daily", "@every 5m", "", "x * * * *",
     "*/0 * * * *", "61 * * * *", "* * * *"],
)  # fmt: skip
def test_other_schedules_tell_nothing(schedule: str) -> None:
    """They skip hours, or cannot be read."""
    assert longest_gap(schedule) is None
