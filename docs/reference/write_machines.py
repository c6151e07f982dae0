"""Writes `machines.md`: the form of machine files, the facts, and the shipped machines as they are.

`python docs/reference/write_machines.py` renews the page; a test compares them.
"""

from pathlib import Path

from guardrails.fsm.export import markdown, mermaid
from guardrails.fsm.facts import FACTS
from guardrails.fsm.load import SHIPPED, shipped_machine

PAGE = Path(__file__).with_name("machines.md")

HEAD = """\
# Machines

A machine decides outside the model which phase a run is in: what may be called in it, which ends go
to the gate, and when it is over. It moves on counted facts alone. What ends a run as `resolved` or
`diagnosed` is always the gate.

| setting | meaning |
|---|---|
| `fsm.machine: auto` | the shipped machine for what the incident asks (default) |
| `fsm.machine: mitigation`, `diagnosis` | that one |
| `fsm.machine: FILE` | your own, relative to the policy file |
| `fsm.machine: none` | none: ends go to the gate as they come |

```sh
guarded-agent fsm check my-machine.yaml      # proves that every run ends, prints the bound
guarded-agent fsm export mitigation          # Mermaid; --as table, --as yaml
guarded-agent fsm simulate run.jsonl         # where a stored run stood after each event
guarded-agent fsm schema                     # JSON Schema of a machine file
```

A machine that fails the proof is refused when it is loaded, with file and line.

## The file

| field | meaning |
|---|---|
| `schema_version` | `1` |
| `machine`, `about` | its name, and what it is for |
| `start` | the state in which a run begins |
| `settle` | how long a change needs before a look at it counts (`15s`) |
| `budget: {turns, calls}` | of the whole run, where that is less than the policy's |
| `end`, `quit`, `ask` | for states without rows of their own, below |
| `states` | by name |

A state is of one kind. The agent works in it, the gate judges in it (`gate`), or the run is over
(`final`).

| field of a state | meaning |
|---|---|
| `about` | what it is for |
| `allows` | effects of calls that run: `read`, `write`, `destructive`, `finish` |
| `tools` | globs over the names of the tools that the model is shown; all when left out |
| `say` | told to the model when a call is refused here |
| `budget: {turns, calls}` | of one visit; every state in which the agent works has one |
| `spent` | where it leads when the budget is spent and the agent goes on |
| `asks`, `unanswered` | a person is asked here; where it leads when nobody answers in time |
| `next` | rows `{to, when}`, taken as soon as one holds |
| `end` | rows for a claim that the work is done |
| `quit` | rows for giving up |
| `ask` | rows for asking for a person |
| `gate: {pass, fail, pending, unknown}` | rows for each verdict |
| `final` | `done`, `unresolved` or `escalated` |

Rows are tried in order. A row has `to`, a state, or (for `end`, `quit`, `ask`) `refuse`, words for
the model; what the rows above lack is added to them. A row without `when` stands last and covers
what is left. One state in place of rows covers everything.

A tool that can only do what the state does not allow is not shown to the model. A tool whose calls
may do anything (kubectl, a shell) stays, and each call is judged.

## Steps

A step runs to completion, as in SCXML: the first row that holds answers the event, then `next` rows
are followed until none holds. A model turn that a state's budget does not cover is the first of the
state that `spent` names.

## Guards

`hypotheses >= 1 and (sources >= 2 or reads.logs >= 3)`: facts compared with whole numbers (`>=`,
`<=`, `>`, `<`, `==`, `!=`), joined by `and`, `or`, `not` and brackets. `always` holds.

"""

PROOF = """
## What is proved

| fault | meaning |
|---|---|
| `unreachable` | no run enters the state |
| `trap` | no way out of the state leads to an end |
| `circle` | states follow each other for ever and the agent gets no turn |
| `gap` | in some case an event has no answer |
| `overlap` | in some case two rows hold and lead to different places; the case is named |
| `never` | a row holds in no case that the rows above leave |
| `unproved` | a run can be `done` without the gate's pass, or change something behind it |
| `tangled` | a list of rows has more than 200,000 cases |

Guards compare counts with numbers, so between two numbers all counts are alike, and one of each
stretch stands for it. The cases are finite, and all of them are tried. The bound is the lesser of
the run's budget (and the turn that finds it spent) and, where no way leads back, the budgets of the
states along the longest way.
"""


def page() -> str:
    """Return the page."""
    facts = ["| fact | counts |\n|---|---|\n"]
    facts += [f"| `{fact.name}` | {fact.about} |\n" for fact in FACTS]
    shipped = [
        f"\n## {name}\n\n{shipped_machine(name).about}\n\n"
        f"```mermaid\n{mermaid(shipped_machine(name))}```\n\n{markdown(shipped_machine(name))}"
        for name in SHIPPED
    ]
    return "".join((HEAD, *facts, PROOF, *shipped))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
