"""FM-1.3: work done again, though nothing new could come of it; and what only looks like it."""

import msgspec
import pytest
from play import Play

from guardrails.core.events import ToolStatus
from guardrails.core.incident import Goal

PODS = "NAME    READY  STATUS\nweb-1   0/1    CrashLoopBackOff"
GONE = 'Error: deployments.apps "webb" not found'


def test_the_same_look_three_times_is_a_repetition() -> None:
    """Same call, same answer, same world: the third is a finding with the steps of all."""
    play = Play()
    for _ in range(3):
        play.runs("kubectl get pods -n shop", PODS)
    (found,) = play.of("1.3")
    assert found.steps == (1, 2, 3)
    assert "CrashLoopBackOff" in found.evidence[0]
    assert "3 times" in found.why


def test_two_looks_are_none() -> None:
    """Look, think, look again."""
    play = Play()
    for _ in range(2):
        play.runs("kubectl get pods -n shop", PODS)
    assert play.modes() == []


@pytest.mark.parametrize(
    "commands",
    [
        [
            "kubectl describe pod web-1 -n shop",
            "kubectl  describe pods web-1 --namespace shop",
            "kubectl -n shop describe po/web-1",
        ],
        [
            "kubectl get deploy web -n shop -o yaml",
            "kubectl get deployment/web -o yaml -n shop",
            "kubectl get deployments web -n shop --output=yaml",
        ],
    ],
)
def test_cosmetic_changes_do_not_hide_a_repetition(commands) -> None:
    """Another order of flags, another name of the kind, more white space: the same look."""
    play = Play()
    for command in commands:
        play.runs(command, PODS)
    assert play.modes() == ["1.3"]


def test_cosmetic_changes_of_other_tools_are_seen_through_too() -> None:
    """Case, quotes and punctuation of a question are no new question."""
    play = Play()
    for question in ("Why is web down?", "why is web down", "Why is 'web' down?!"):
        play.calls_tool("search_runbooks", {"query": question}, "Restart it.")
    assert play.modes() == ["1.3"]


def test_a_tool_that_words_its_answers_anew_hides_no_repetition() -> None:
    """A tool backed by a model answers the same question in other words each time."""
    play = Play()
    for answer in ("Check the logs.", "You may want to look at logs.", "Logs would be a start."):
        play.calls_tool("summarize_incident", {"id": "42"}, answer)
    assert play.modes() == ["1.3"]


def test_a_b_a_b_is_a_cycle() -> None:
    """A change and its undoing alter the world each time, and are a loop all the same."""
    play = Play()
    for _ in range(3):
        play.runs("kubectl scale deployment/web --replicas=0 -n shop", "scaled")
        play.runs("kubectl scale deployment/web --replicas=3 -n shop", "scaled")
    (found,) = play.of("1.3")
    assert found.detector == "StepCycle"
    assert found.steps == (1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("period", [2, 3, 4, 5])
def test_rounds_of_looks_are_found_by_length(period: int) -> None:
    """Rounds of two to five looks, three times, with the same answers."""
    play = Play()
    for _ in range(3):
        for at in range(period):
            play.runs(f"kubectl describe pod web-{at} -n shop", f"pod {'abcde'[at]}")
    assert {found.detector for found in play.of("1.3")} >= {"StepCycle"}


def test_polling_a_rollout_is_no_loop() -> None:
    """`rollout status` is asked until it is done, whatever it says in between."""
    play = Play(goal=Goal.MITIGATION)
    play.runs("kubectl set image deploy/web app=web:2 -n shop", "image updated")
    for _ in range(12):
        play.runs("kubectl rollout status deploy/web -n shop", "Waiting: 1 of 3 updated")
    assert play.modes() == []


def test_polling_without_a_change_is_no_loop_either() -> None:
    """Somebody else's rollout may be waited for."""
    play = Play()
    for _ in range(12):
        play.runs("kubectl rollout status deploy/web -n shop", "Waiting: 1 of 3 updated")
    assert play.modes() == []


def test_pods_that_move_may_be_watched() -> None:
    """Each look shows another state, so each brings something new."""
    play = Play()
    for ready in range(8):
        play.runs("kubectl get pods -n shop", f"web-1  {ready}/8  Running")
    assert play.modes() == []


def test_metrics_may_be_asked_again() -> None:
    """A value that is the same now as before is news."""
    play = Play()
    for _ in range(6):
        play.calls_tool("query_prometheus", {"query": "rate(errors[5m])"}, "0")
    assert play.modes() == []


def test_retries_with_backoff_are_no_loop() -> None:
    """A call that fails may be tried again, as every client does."""
    play = Play()
    for _ in range(4):
        play.runs("kubectl get nodes", "Error: dial tcp: i/o timed out", status=ToolStatus.ERROR)
    assert play.modes() == []


def test_paging_is_no_loop() -> None:
    """Other pages are other questions."""
    play = Play()
    for page in range(8):
        play.calls_tool("list_events", {"namespace": "shop", "page": page}, f"events of {page}")
    assert play.modes() == []


def test_a_wider_look_into_logs_is_no_loop() -> None:
    """More lines of one log show more."""
    play = Play()
    for tail in (50, 200, 1000):
        play.runs(f"kubectl logs web-1 -n shop --tail={tail}", f"{tail} lines: " + "x" * tail)
    assert play.modes() == []


def test_another_part_of_the_same_object_is_another_look() -> None:
    """A filter behind a command shows something else."""
    play = Play()
    for word in ("Image", "Events", "Limits"):
        play.runs(f"kubectl describe pod web-1 -n shop | grep {word}", "nothing to see")
    assert play.modes() == []


def test_the_same_check_after_a_change_is_no_loop() -> None:
    """The world is another after each change."""
    play = Play(goal=Goal.MITIGATION)
    for replicas in (1, 2, 3):
        play.runs("kubectl get deploy web -n shop", "web 0/1")
        play.runs(f"kubectl scale deploy/web --replicas={replicas} -n shop", "scaled")
    assert play.modes() == []


def test_waiting_for_a_change_is_no_loop_at_once() -> None:
    """After a change the same answer five times is patience."""
    play = Play(goal=Goal.MITIGATION)
    play.runs("kubectl scale deploy/web --replicas=3 -n shop", "scaled")
    for _ in range(5):
        play.runs("kubectl get deploy web -n shop", "web 0/3")
    assert play.modes() == []


def test_guessing_names_is_a_repetition() -> None:
    """Three names for what does not exist."""
    play = Play()
    for name in ("checkout", "checkout-svc", "checkout-service"):
        play.calls_tool("get_traces", {"service": name}, f"The service {name} does not exist")
    (found,) = play.of("1.3")
    assert "3 names" in found.why


def test_workers_that_do_each_others_looks_are_told() -> None:
    """Two looks of one worker, made again by another, in the same world."""
    play = Play()
    for worker in ("one", "two"):
        play.tasks(worker, f"find out what is wrong, {worker}")
        play.runs("kubectl describe pod web-1 -n shop", f"seen by {worker}", agent=worker)
        play.runs("kubectl logs web-1 -n shop", f"log seen by {worker}", agent=worker)
    (found,) = play.of("1.3")
    assert found.agent == ""
    assert "one, two" in found.why


def test_one_shared_look_is_none() -> None:
    """Workers begin at the same pod."""
    play = Play()
    for worker in ("one", "two"):
        play.tasks(worker, f"find out what is wrong, {worker}")
        play.runs("kubectl describe pod web-1 -n shop", "seen", agent=worker)
        play.runs(f"kubectl logs {worker}-1 -n shop", f"log of {worker}", agent=worker)
    assert play.modes() == []


def test_what_does_not_exist_is_asked_once_for_all() -> None:
    """Another worker asks for what a tool had said does not exist."""
    play = Play()
    for worker in ("one", "two"):
        play.tasks(worker, f"look, {worker}")
        play.runs("kubectl get deploy webb", GONE, agent=worker, status=ToolStatus.ERROR)
    assert play.modes() == ["1.3"]


def test_a_task_given_again_word_for_word_is_told() -> None:
    """It had been reported on."""
    play = Play()
    task = "Find out whether the pods of checkout are healthy, and why not if they are not."
    play.tasks("one", task, ref="T1")
    play.reports("They are.", by="one", ref="T1")
    play.tasks("two", task, ref="T4")
    assert play.modes() == ["1.3"]


def test_agents_do_not_add_up() -> None:
    """Three workers look at three things each once: nobody repeats anything."""
    play = Play()
    for worker in ("one", "two", "three"):
        play.tasks(worker, f"look, {worker}")
        play.runs(f"kubectl describe pod {worker}-1 -n shop", f"pod of {worker}", agent=worker)
    assert play.modes() == []


def test_a_long_loop_is_reported_at_doublings_only() -> None:
    """A loop of 50 calls is told 5 times, not 48, and is one finding."""
    play = Play()
    for _ in range(50):
        play.runs("kubectl get pods -n shop", PODS)
    told = [one for one in play.found if one.detector == "StepRepetition"]
    assert [len(one.steps) for one in told] == [3, 6, 12, 24, 48]
    (found,) = [one for one in play.of("1.3") if one.detector == "StepRepetition"]
    assert len(found.steps) == 48


def test_memory_stays_bounded_in_a_long_run() -> None:
    """The state after 3,000 calls is no larger than after 600."""
    play = Play()
    sizes: list[int] = []
    for at in range(3_000):
        play.runs(f"kubectl describe pod web-{at:04} -n shop", f"pod {at:04} " + "x" * 500)
        if at in {600, 2_999}:
            sizes.append(len(msgspec.json.encode(play.states)))
    assert sizes[1] < 1.1 * sizes[0]
    assert sizes[1] < 700_000
