"""Machine files: what is refused, and with which line."""

import runpy
from pathlib import Path

import pytest

from guardrails.errors import PolicyError
from guardrails.fsm.load import load_machine, machine_of_text, named_machine, text_named
from guardrails.fsm.schema import rendered_schema
from tests.fsm.tables import SOUND

ROOT = Path(__file__).parents[2]


def refused(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    """Return what is said of a file with changes, without its folder."""
    text = SOUND
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        load_machine(path)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    """And a trace's text of it gives the same machine."""
    path = tmp_path / "m.yaml"
    path.write_text(SOUND)
    table = load_machine(path)
    assert named_machine(str(path)).states.keys() == table.states.keys()
    text = table.spec.model_dump_json(by_alias=True, exclude_unset=True)
    again = machine_of_text(text, source="trace")
    assert {n: s.rows.keys() for n, s in again.states.items()} == {
        n: s.rows.keys() for n, s in table.states.items()
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "schema_version: 1\n",
            "",
            "m.yaml:1: schema_version: missing; start the file with 'schema_version: 1'",
        ),
        (
            "start: look",
            "start: lok",
            "m.yaml:4: start: no state is called 'lok'; did you mean 'look'?",
        ),
        (
            "start: look",
            "start: judge",
            "m.yaml:4: start: a run begins where the agent works, not in 'judge'",
        ),
        (
            "{to: mend, when: reads >= 2}",
            "{to: mend}",
            (
                "m.yaml:14: look: next: 'when' is missing: without it the state would "
                "never be stayed in"
            ),
        ),
        (
            "{to: mend, when: reads >= 2}",
            "{to: mnd, when: reads >= 2}",
            "m.yaml:14: look: next: no state is called 'mnd'; did you mean 'mend'?",
        ),
        (
            "when: reads >= 2",
            "when: read >= 2",
            (
                "m.yaml:14: states.look.next[0].when: at 'read >= 2': no fact is called "
                "'read'; did you mean 'reads'?"
            ),
        ),
        (
            "    budget: {turns: 5}\n",
            "",
            (
                "m.yaml:8: look: the agent works here, so 'budget' and 'spent' are "
                "needed: without them it may stay"
            ),
        ),
        (
            "  done: {about: It is well., final: done}",
            "  done: {about: It is well., final: done, allows: [read]}",
            (
                "m.yaml:29: done: 'final' and 'allows' do not go together: the agent "
                "takes no turn here"
            ),
        ),
        (
            "    allows: [read, write]",
            "    asks: true\n    allows: [read, write]",
            ("m.yaml:18: mend: 'asks' and 'unanswered' go together: somebody may never answer"),
        ),
        (
            "{refuse: Look at more.}",
            "{refuse: Look at more., to: judge}",
            (
                "m.yaml:17: states.look.end[1]: write either 'to', the state it leads to, "
                "or 'refuse' with words"
            ),
        ),
        (
            "quit: lost",
            "quit: done",
            "m.yaml:29: done: unproved: a run can end here without the gate's pass",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Names, guards, missing parts, parts that do not fit, and what the proof finds."""
    assert said in refused(tmp_path, (old, new))


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """In the order of the file."""
    said = refused(tmp_path, ("start: look", "start: x"), ("spent: called", "spent: cald"))
    assert [line.partition(": ")[0] for line in said] == ["m.yaml:4", "m.yaml:12", "m.yaml:22"]


def test_a_wrong_name_is_told_from_a_missing_file() -> None:
    """Names have no ending."""
    with pytest.raises(PolicyError, match="no machine is called 'mitigaton'; did you mean"):
        named_machine("mitigaton")
    with pytest.raises(PolicyError, match=r"nowhere\.yaml: no such file"):
        named_machine("nowhere.yaml")


def test_a_shipped_machine_can_be_copied() -> None:
    """With its comments, to begin one's own with."""
    assert "# The shipped machine" in text_named("mitigation")


def test_the_committed_schema_is_the_generated_one() -> None:
    """`python -m guardrails.fsm.schema docs/reference` renews it."""
    committed = (ROOT / "docs" / "reference" / "machine.schema.json").read_text()
    assert committed == rendered_schema()


def test_the_page_shows_the_machines_as_they_are() -> None:
    """`python docs/reference/write_machines.py` renews it."""
    written = runpy.run_path(str(ROOT / "docs" / "reference" / "write_machines.py"))
    assert (ROOT / "docs" / "reference" / "machines.md").read_text() == written["page"]()
