"""What the guard costs: per turn of a LangGraph agent, per event, and at the start.

`python -m benchmarks.overhead [--reps N]`. Wall time is what a user feels on a quiet machine; CPU
time is what we can compare on a busy one. The load is printed and saved with the figures.
"""

import argparse
import os

from benchmarks.observing import (
    machine_microseconds,
    observe_rows,
    time_refusal,
    transition_microseconds,
)
from benchmarks.scrubbing import scrub_rows
from benchmarks.startup import startup_rows
from benchmarks.tables import save, show
from benchmarks.turns import TURNS, turn_rows
from guardrails.core.incident import Goal


def main() -> None:
    """Measure, print, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=40, help="runs of each agent (default 40)")
    reps: int = parser.parse_args().reps
    load = {"load before": os.getloadavg()[0]}
    turns = turn_rows(reps)
    show(f"One LangGraph turn ({TURNS} turns a run, {reps} runs each, interleaved)", turns)
    observed = observe_rows()
    show("session.observe (4 kB tool results, a new call in every step)", observed)
    hidden = scrub_rows()
    show("Taking secrets out of a fact", hidden)
    started = startup_rows()
    show("Starting", started)
    refusal, step = time_refusal(), transition_microseconds()
    load["load after"] = os.getloadavg()[0]
    print(f"claim to refusal, gate excluded: {refusal:.2f} ms")
    added = {str(goal): machine_microseconds(goal) for goal in Goal}
    print(f"the machine adds to observe: {_listed(added)}")
    print(f"one transition of the shipped machine: {step:.1f} µs")
    print(f"load average: {load['load before']:.1f} to {load['load after']:.1f}")
    results = {
        "turns": turns,
        "observe": observed,
        "scrub": hidden,
        "startup": started,
        "refusal_ms": refusal,
        "transition_us": step,
        "machine_us": added,
    }
    print(f"written: {save('overhead', {**results, 'reps': reps, **load})}")


def _listed(added: dict[str, float]) -> str:
    return ", ".join(f"{micros:.1f} µs ({goal})" for goal, micros in added.items())


if __name__ == "__main__":
    main()
