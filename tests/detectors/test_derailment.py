"""FM-2.3: the work is about the tools."""

import pytest
from written_runs import Run

from guardrails.core.mast import FailureMode
from guardrails.detectors.derailment import STREAK

MODE = FailureMode.TASK_DERAILMENT
TRACES = "Root cause: tracing cannot find service web-entry because it was deleted."


def _asks_for(run: Run, times: int, *, agent: str = "") -> Run:
    for _ in range(times):
        run.call(
            "get_traces",
            '{"service": "web-entry"}',
            '{"error": "The service web-entry does not exist"}',
            agent=agent,
        ).kubectl("get nodes", "NAME  STATUS\none  Ready\n", agent=agent)
    return run


def test_a_run_that_explains_a_tools_own_error_is_derailed() -> None:
    """All that is concluded is why tracing does not know a name that nothing else knows."""
    (found,) = _asks_for(Run(), 3).ends(TRACES).of(MODE)
    assert found.about == "web-entry"
    assert len(found.steps) == 4


def test_asking_once_or_twice_is_no_stretch_of_work() -> None:
    """The error was met, and left."""
    assert not _asks_for(Run(), 2).ends(TRACES).of(MODE)


def test_a_missing_service_that_others_depend_on_is_the_incident() -> None:
    """The conclusion names something that the system itself uses."""
    run = _asks_for(Run(), 3).kubectl("logs deploy/cart -n shop", "lookup web-entry: no such host")
    assert not run.ends(TRACES).of(MODE)


def test_a_conclusion_about_the_application_is_on_track() -> None:
    """The tool's error is not what the run is about."""
    assert not _asks_for(Run(), 3).ends("Root cause: cart has no memory left.").of(MODE)


def _struggles(run: Run, times: int, *, agent: str = "") -> Run:
    for number in range(times):
        run.call(
            "run_script",
            f'{{"file": "probe{number}.py"}}',
            "Traceback (most recent call last): NameError",
            agent=agent,
            failed=True,
        )
    return run


def test_a_stretch_of_calls_that_one_tool_cannot_answer_is_about_the_tool() -> None:
    """The meta-loop trap: an agent debugs its own script."""
    (found,) = _struggles(Run(), STREAK + 3).of(MODE)
    assert found.about == "tool run_script"
    assert len(found.steps) == STREAK


def test_a_shorter_stretch_is_bad_luck() -> None:
    """Sound runs have up to four."""
    assert not _struggles(Run(), STREAK - 1).of(MODE)


def test_an_answer_in_between_ends_the_stretch() -> None:
    """The agent got on with its work."""
    run = _struggles(Run(), STREAK - 1).kubectl("get pods -n shop", "NAME  READY\ncart-0  1/1\n")
    assert not _struggles(run, STREAK - 1).of(MODE)


@pytest.mark.parametrize("size", [10_000])
def test_a_long_result_that_speaks_of_errors_is_data(size: int) -> None:
    """Logs of a failing service begin with errors."""
    run = Run()
    for _ in range(2 * STREAK):
        run.kubectl("logs deploy/cart -n shop", "error: cannot reach cart-db\n" * (size // 28))
    assert not run.of(MODE)


def test_each_agent_has_its_own_stretch() -> None:
    """Two agents with a few failures each are not one with many."""
    run = Run()
    for _ in range(STREAK - 1):
        _struggles(run, 1, agent="one")
        _struggles(run, 1, agent="two")
    assert not run.of(MODE)
    _struggles(run, 1, agent="two")
    assert [one.agent for one in run.of(MODE)] == ["two"]
