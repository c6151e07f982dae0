from pathlib import Path
from textwrap import dedent

import pytest
from inline_snapshot import snapshot

from guardrails.errors import PolicyError
from guardrails.policy.load import load_settings


def refused(directory: Path, text: str, *, profile: str | None = None) -> str:
    path = directory / "policy.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        load_settings(file=path, environ={}, profile=profile)
    return str(caught.value).replace(str(path), "policy.yaml")


def test_every_error_is_reported_in_file_order(tmp_path: Path) -> None:
    """One line per wrong value: place, what was written, what is allowed."""
    assert refused(
        tmp_path,
        """\
            schema_version: 1
            mode: shadw
            defaults:
              gate:
                requre: full
                window: 1:30
                poll_every: 0s
                stable_for: 90
            profiles:
              mine:
                extends: fronteer
                budgets: {steps: "40", tokens: 1.5, refusals: yes}
                gate: 5
                tools: {finish: submit}
                effects:
              frontier:
                models:
                  - 5
            budgetz: 1
            """,
    ) == snapshot("""\
policy.yaml:2: mode: 'shadw' is not allowed; write 'enforce' or 'shadow'; did you mean 'shadow'?
policy.yaml:5: defaults.gate.requre: unknown key; did you mean 'require'?
policy.yaml:6: defaults.gate.window: 1:30 is not a duration; write it like 90s, 5m or 1h30m, or write 'auto'
policy.yaml:7: defaults.gate.poll_every: 0s is too small; it must be more than 0
policy.yaml:8: defaults.gate.stable_for: 90 is not a duration; write it like 90s, 5m or 1h30m
policy.yaml:11: profiles.mine.extends: 'fronteer' is not allowed; write 'frontier', 'mid-tier' or 'open'; did you mean 'frontier'?
policy.yaml:12: profiles.mine.budgets.steps: '40' is not a whole number
policy.yaml:12: profiles.mine.budgets.tokens: 1.5 is not a whole number
policy.yaml:12: profiles.mine.budgets.refusals: yes is not a whole number
policy.yaml:13: profiles.mine.gate: 5 is not a mapping (key: value)
policy.yaml:14: profiles.mine.tools.finish: 'submit' is not a list; write [submit]
policy.yaml:15: profiles.mine.effects: nothing is written here; write a mapping (key: value), or leave the key out
policy.yaml:18: profiles.frontier.models[0]: 5 is not text (in quotes if it looks like something else)
policy.yaml:19: budgetz: unknown key; known: schema_version, mode, profile, defaults, profiles\
""")  # noqa: E501  # a message is one line


def test_a_file_without_a_version_says_how_to_begin(tmp_path: Path) -> None:
    """The version comes before every other trouble, which may all follow from it."""
    assert refused(tmp_path, "mode: nonsense\n") == (
        "policy.yaml:1: schema_version: missing; start the file with 'schema_version: 1'"
    )


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("gate: {require: full}", "gate: not allowed here; 'gate' belongs under 'defaults' or "),
        ("models: [a]", "models: not allowed here; 'models' belongs under 'profiles.NAME'"),
        (
            "defaults: {require: full}",
            (
                "defaults.require: not allowed here; 'require' belongs under 'defaults.gate' or "
                "'profiles.NAME.gate'"
            ),
        ),
        (
            "profiles: {mine: {mode: shadow}}",
            "profiles.mine.mode: not allowed here; 'mode' stands at the top of the file",
        ),
    ],
)
def test_a_key_in_the_wrong_place_is_told_its_own(tmp_path: Path, text: str, trouble: str) -> None:
    """Whoever writes `gate:` at the top knows the key and needs the place."""
    said = refused(tmp_path, f"schema_version: 1\n{text}\n")
    assert said.startswith(f"policy.yaml:2: {trouble}")


@pytest.mark.parametrize(
    ("version", "trouble"),
    [("yes", "not a number; write 1"), ("'1'", "'1' in quotes is text; write 1 without them")],
)
def test_a_version_that_is_no_number(tmp_path: Path, version: str, trouble: str) -> None:
    """A yes is no 1, although Python thinks so."""
    said = refused(tmp_path, f"schema_version: {version}\n")
    assert said == f"policy.yaml:1: schema_version: {trouble}"


def test_a_newer_file_asks_for_an_update(tmp_path: Path) -> None:
    """A file of a later version is not guessed at."""
    assert refused(tmp_path, "\nschema_version: 2\nnew_thing: 1\n") == (
        "policy.yaml:2: schema_version: 2 is newer than 1; update guarded-agent"
    )


def test_a_forced_profile_must_exist(tmp_path: Path) -> None:
    """The suggestion knows the profiles of the file as well as the shipped ones."""
    text = "schema_version: 1\nprofile: mne\nprofiles:\n  mine: {}\n"
    assert refused(tmp_path, text) == (
        "policy.yaml:2: profile: no profile is called 'mne'; did you mean 'mine'?"
    )


def test_a_named_profile_must_exist(tmp_path: Path) -> None:
    """A name from outside the file is looked up in the same list."""
    said = refused(tmp_path, "schema_version: 1\nprofiles: {mine: {}}\n", profile="xyz")
    assert said == "profile: no profile is called 'xyz'; known: mine, mid-tier, open, frontier"


def test_a_policy_may_be_json(tmp_path: Path) -> None:
    """A JSON file is read by its suffix, with lines too."""
    path = tmp_path / "policy.json"
    path.write_text('{\n  "schema_version": 1,\n  "mode": "shadow"\n}', encoding="utf-8")
    assert load_settings(file=path, environ={}).mode == "shadow"
    path.write_text('{\n  "schema_version": 1,\n  "mode": "off"\n}', encoding="utf-8")
    with pytest.raises(PolicyError, match=r"policy\.json:3: mode: 'off' is not allowed"):
        load_settings(file=path, environ={})


def test_a_machine_lies_beside_the_policy_that_names_it(tmp_path: Path) -> None:
    """Wherever the run is started; a name of a shipped one, and a flag, stay as they are."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("schema_version: 1\ndefaults:\n  fsm: {machine: ours.yaml}\n")
    named = load_settings(file=policy, environ={}).fsm.machine
    assert named == str(tmp_path / "ours.yaml")
    flag = load_settings(file=policy, environ={}, flags={"fsm.machine": "mine.yaml"})
    assert flag.fsm.machine == "mine.yaml"
    policy.write_text("schema_version: 1\ndefaults:\n  fsm: {machine: diagnosis}\n")
    assert load_settings(file=policy, environ={}).fsm.machine == "diagnosis"
