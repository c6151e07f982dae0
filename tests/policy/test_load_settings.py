import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core.evidence import Tier
from guardrails.errors import PolicyError, TraceError
from guardrails.policy.layers import setting_keys, variable
from guardrails.policy.load import explain_settings, load_settings, with_flags
from guardrails.policy.models import (
    Budgets,
    CascadeSettings,
    GateSettings,
    HygieneSettings,
    Settings,
)
from guardrails.policy.shipped import FALLBACK, shipped_profiles
from guardrails.policy.stored import policy_digest, settings_of_text, settings_text

POLICY = """\
schema_version: 1
mode: shadow
defaults:
  budgets: {refusals: 9, tool_calls: 99}
profiles:
  mine:
    extends: frontier
    models: ["acme:*"]
    budgets:
      refusals: 8
    gate: {stable_for: 2m}
  mid-tier:
    budgets: {steps: 33}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("google_genai:gemini-3-flash-preview", "frontier"),
        ("openai:gpt-5", "frontier"),
        ("azure_openai:GPT-5.5", "frontier"),
        ("openai:o3", "frontier"),
        ("openrouter:openai/o3-pro", "frontier"),
        ("anthropic:claude-sonnet-4-5", "frontier"),
        ("bedrock_converse:us.anthropic.claude-opus-4-1-v1:0", "frontier"),
        ("openai:gpt-5-mini", "mid-tier"),
        ("openai:o4-mini", "mid-tier"),
        ("google_genai:gemini-3-flash-lite", "mid-tier"),
        ("anthropic:claude-haiku-4-5", "mid-tier"),
        ("groq:moonshotai/kimi-k2-instruct", "mid-tier"),
        ("deepseek:deepseek-chat", "mid-tier"),
        ("together:Qwen/Qwen3-235B-A22B", "mid-tier"),
        ("groq:openai/gpt-oss-120b", "open"),
        ("ollama:qwen3:32b", "open"),
        ("fireworks:accounts/fireworks/models/llama-v3p1-8b", "open"),
        ("mistralai:mistral-small-latest", "open"),
        ("gemini-3-flash-preview", "frontier"),
        ("vertex_ai/gemini-3-pro", "frontier"),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "mid-tier"),
        ("google_anthropic_vertex:claude-opus-4-1@20250805", "frontier"),
        ("openai:gpt-5.2-codex", "frontier"),
        ("moonshot/kimi-k2.5", "mid-tier"),
        ("bedrock_converse:moonshot.kimi-k2-thinking", "mid-tier"),
        ("ollama:kimi-k2:1t-cloud", "mid-tier"),
        ("openai/gpt-oss-120b", "open"),
        ("bedrock_converse:openai.gpt-oss-120b-1:0", "open"),
        ("ollama:gpt-oss:20b", "open"),
        ("ollama_chat/qwen3", "open"),
        ("ollama/mistral", "open"),
        ("qwen3:8b", "open"),
        ("phi4", "open"),
        ("us.meta.llama3-3-70b-instruct-v1:0", "open"),
    ],
)
def test_a_model_finds_its_class(model: str, profile: str) -> None:
    """Names as `init_chat_model` writes them lead to the profile of their class."""
    assert load_settings(model=model, environ={}).profile == profile


@pytest.mark.parametrize("model", ["", "acme:unheard-of"])
def test_an_unknown_model_gets_the_fallback(model: str) -> None:
    """Nobody loses the gate by using a model that we do not know."""
    settings = load_settings(model=model, environ={})
    assert settings.profile == FALLBACK
    assert settings.gate.require is Tier.FULL


def test_no_class_needs_less_proof() -> None:
    """The proof asked for does not depend on who asks."""
    assert {p.profile.gate.require for p in shipped_profiles().values()} == {Tier.FULL}


def test_each_layer_wins_over_the_one_before(policy: Path) -> None:
    """Defaults, shipped profile, file defaults, file profile, environment, flags."""
    environ = {"GUARDED_AGENT_BUDGETS__WALL_TIME": "10m", "GUARDED_AGENT_GATE__POLL_EVERY": "1s"}
    settings = load_settings(
        file=policy, profile="mine", environ=environ, flags={"gate.poll_every": "2s"}
    )
    assert settings == Settings(
        profile="mine",
        mode="shadow",
        budgets=Budgets(steps=80, tool_calls=99, refusals=8, wall_time=600),
        gate=GateSettings(stable_for=120, poll_every=2),
        hygiene=HygieneSettings(tokens=160_000),
        cascade=CascadeSettings(signature="frontier", modes=3),
    )


def test_the_file_chooses_before_the_shipped_profiles(policy: Path) -> None:
    """Globs of the file are tried first."""
    assert load_settings(file=policy, model="acme:gpt-5", environ={}).profile == "mine"


def test_adjusting_a_shipped_profile_keeps_its_models_and_its_place(tmp_path: Path) -> None:
    """A file that adjusts `frontier` must not make it catch the small models of its families."""
    path = tmp_path / "p.yaml"
    text = "schema_version: 1\nprofiles: {frontier: {budgets: {steps: 7}}}\n"
    path.write_text(text, encoding="utf-8")
    assert load_settings(file=path, model="openai:gpt-5-mini", environ={}).profile == "mid-tier"
    big = load_settings(file=path, model="openai:gpt-5", environ={})
    assert (big.profile, big.budgets.steps, big.budgets.tool_calls) == ("frontier", 7, 240)


def test_a_profile_without_models_is_used_only_by_name(tmp_path: Path) -> None:
    """Extending a profile does not take over its models."""
    path = tmp_path / "p.yaml"
    path.write_text("schema_version: 1\nprofiles: {mine: {extends: frontier}}\n", encoding="utf-8")
    assert load_settings(file=path, model="openai:gpt-5", environ={}).profile == "frontier"
    assert load_settings(file=path, profile="mine", environ={}).budgets.steps == 80


def test_a_profile_is_chosen_by_the_strongest_voice(tmp_path: Path) -> None:
    """Argument over variable over file over the model's name."""
    path = tmp_path / "p.yaml"
    path.write_text("schema_version: 1\nprofile: open\n", encoding="utf-8")
    environ = {"GUARDED_AGENT_PROFILE": "mid-tier"}
    model = "openai:gpt-5"
    assert load_settings(model=model, environ={}).profile == "frontier"
    assert load_settings(file=path, model=model, environ={}).profile == "open"
    assert load_settings(file=path, model=model, environ=environ).profile == "mid-tier"
    chosen = load_settings(file=path, model=model, environ=environ, profile="frontier")
    assert chosen.profile == "frontier"


def test_the_environment_speaks_in_text() -> None:
    """Numbers, lists, yes/no and nothing are read from text by the kind of the setting."""
    settings = load_settings(
        environ={
            "GUARDED_AGENT_MODE": "shadow",
            "GUARDED_AGENT_BUDGETS__STEPS": " 40 ",
            "GUARDED_AGENT_BUDGETS__TOKENS": "null",
            "GUARDED_AGENT_GATE__REQUIRE": "state",
            "GUARDED_AGENT_GATE__WINDOW": "5m",
            "GUARDED_AGENT_GATE__ALLOW_NO_ALERT_SOURCE": "true",
            "GUARDED_AGENT_TOOLS__FINISH": "submit, done_*",
            "GUARDED_AGENT_TOOLS__READ": '["a"]',
        }
    )
    assert (settings.mode, settings.budgets.steps, settings.budgets.tokens) == ("shadow", 40, None)
    assert (settings.gate.require, settings.gate.window) == (Tier.STATE, 300.0)
    assert settings.gate.allow_no_alert_source
    assert (settings.tools.finish, settings.tools.read) == (("submit", "done_*"), ("a",))


def test_other_variables_are_left_alone() -> None:
    """Names without nesting belong to the command line; empty ones are not set."""
    environ = {
        "GUARDED_AGENT_POLICY": "x",
        "GUARDED_AGENT_KUBECONFIG": "y",
        "GUARDED_AGENT_MODE": "",
        "GUARDED_AGENT_PROFILE": " ",
        "GUARDED_AGENT_GATE__REQUIRE": "",
        "OTHER__THING": "z",
    }
    assert load_settings(environ=environ) == load_settings(environ={})


def test_wrong_variables_are_all_named() -> None:
    """A misspelt or wrong variable is never ignored."""
    with pytest.raises(PolicyError) as caught:
        load_settings(
            environ={
                "GUARDED_AGENT_GATE__REQURE": "full",
                "GUARDED_AGENT_GATE__XYZ": "1",
                "GUARDED_AGENT_X__Y__Z": "1",
                "GUARDED_AGENT_BUDGETS__STEPS": "many",
                "GUARDED_AGENT_MODE": "shado",
            }
        )
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        "GUARDED_AGENT_GATE__REQURE: unknown setting; did you mean 'GUARDED_AGENT_GATE__REQUIRE'?"
    )
    assert lines[1].startswith(
        "GUARDED_AGENT_GATE__XYZ: unknown setting; known: GUARDED_AGENT_GATE__REQUIRE, "
    )
    assert lines[2:] == [
        (
            "GUARDED_AGENT_X__Y__Z: unknown setting; "
            "known sections: budgets, gate, effects, fsm, hygiene, cascade, "
            "detectors, tools"
        ),
        "GUARDED_AGENT_BUDGETS__STEPS: 'many' is not a whole number",
        (
            "GUARDED_AGENT_MODE: 'shado' is not allowed; write 'enforce' or 'shadow'; "
            "did you mean 'shadow'?"
        ),
    ]


def test_a_single_underscore_is_not_passed_over() -> None:
    """The variable means a setting, so ignoring it would run under another policy."""
    with pytest.raises(PolicyError) as caught:
        load_settings(environ={"GUARDED_AGENT_GATE_REQUIRE": "alerts"})
    assert str(caught.value) == (
        "GUARDED_AGENT_GATE_REQUIRE: unknown setting; did you mean 'GUARDED_AGENT_GATE__REQUIRE'?"
    )


def test_the_variables_of_a_service_called_guarded_agent_are_left_alone() -> None:
    """Kubernetes sets them in every pod beside such a Service."""
    environ = {
        "GUARDED_AGENT_SERVICE_HOST": "10.0.0.1",
        "GUARDED_AGENT_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "GUARDED_AGENT_GATE_SERVICE_PORT": "80",
    }
    assert load_settings(environ=environ) == load_settings(environ={})


def test_flags_that_were_not_given_set_nothing() -> None:
    """A command line hands over None for what nobody wrote."""
    assert load_settings(environ={}, flags={"mode": None}) == load_settings(environ={})


@pytest.mark.parametrize(
    ("flags", "trouble"),
    [
        ({"gate.requre": "full"}, "gate.requre: unknown setting; did you mean 'gate.require'?"),
        ({"budgets.steps": 0}, "budgets.steps: 0 is too small; it must be more than 0"),
        (
            {"gate.window": "5"},
            "gate.window: 5 is not a duration; write it like 90s, 5m or 1h30m, or write 'auto'",
        ),
        ({"tools.finish": [3]}, "tools.finish: 3 is not text"),
    ],
)
def test_a_wrong_flag_is_named(flags: dict[str, object], trouble: str) -> None:
    """Flags are held to the same rules as the file."""
    with pytest.raises(PolicyError) as caught:
        load_settings(environ={}, flags=flags)
    assert str(caught.value).startswith(trouble)


def test_each_value_tells_its_origin(policy: Path) -> None:
    """The explanation names default, profile, file and line, variable or flag."""
    told = {
        e.key: (e.value, str(e.origin).replace(str(policy), "policy.yaml"))
        for e in explain_settings(
            file=policy,
            model="acme:x",
            environ={"GUARDED_AGENT_GATE__REQUIRE": "alerts"},
            flags={"tools.shell": "run_*"},
        )
    }
    assert told["profile"] == ("mine", "file policy.yaml:8 (acme:* matches acme:x)")
    assert told["mode"] == ("shadow", "file policy.yaml:2")
    assert told["budgets.steps"] == (80, "profile frontier")
    assert told["budgets.tool_calls"] == (99, "file policy.yaml:4")
    assert told["budgets.refusals"] == (8, "file policy.yaml:10")
    assert told["gate.stable_for"] == ("2m", "file policy.yaml:11")
    assert told["gate.require"] == ("alerts", "environment GUARDED_AGENT_GATE__REQUIRE")
    assert told["gate.poll_every"] == ("5s", "default")
    assert told["tools.shell"] == (["run_*"], "flag tools.shell")
    assert set(told) == {*setting_keys(), "profile"}


def test_equal_settings_have_equal_digests(policy: Path) -> None:
    """The digest depends on the values, not on who set them; any change shows."""
    one = load_settings(file=policy, profile="open", environ={})
    other = load_settings(
        profile="open", environ={}, flags={"mode": "shadow", "budgets.refusals": 9}
    )
    assert policy_digest(one) != policy_digest(other)
    same = load_settings(
        profile="open",
        environ={"GUARDED_AGENT_BUDGETS__TOOL_CALLS": "99"},
        flags={"mode": "shadow", "budgets.refusals": 9},
    )
    assert policy_digest(one) == policy_digest(same)
    assert policy_digest(Settings()) == policy_digest(Settings())


@given(st.floats(min_value=0, exclude_min=True), st.floats(min_value=0))
def test_stored_settings_come_back_exactly(limit: float, stable: float) -> None:
    """A replay decides by the same numbers as the run did, however fine or large."""
    settings = Settings(
        budgets=Budgets(wall_time=limit),
        gate=GateSettings(stable_for=stable, window=stable, require=Tier.ALERTS),
    )
    again = settings_of_text(settings_text(settings))
    assert again == settings
    assert policy_digest(again) == policy_digest(settings)


@pytest.mark.parametrize("text", ["", "[]", '{"gate": {"new": 1}}', '{"mode": "off"}'])
def test_stored_settings_of_another_version_are_refused(text: str) -> None:
    """What cannot be read is said, and nothing is decided by half of it."""
    with pytest.raises(TraceError, match="the stored policy cannot be read"):
        settings_of_text(text)


def test_flags_go_over_settings_that_are_there() -> None:
    """What nobody names stays, and what is named is checked as everywhere."""
    before = Settings(mode="shadow", budgets=Budgets(steps=7, wall_time=0.25))
    after = with_flags(before, {"gate.window": "90s", "budgets.steps": None})
    assert after == before.model_copy(update={"gate": GateSettings(window=90)})
    with pytest.raises(PolicyError, match=r"gate\.requre: unknown setting"):
        with_flags(before, {"gate.requre": "full"})


@given(st.sampled_from(sorted(setting_keys())), st.text(max_size=20))
def test_any_text_for_a_setting_is_taken_or_refused_by_name(key: str, text: str) -> None:
    """No text in a variable gets any other exception out of the loader."""
    name = variable(key)
    try:
        said = f"{name}: {load_settings(environ={name: text}).profile}"
    except PolicyError as error:
        said = str(error)
    assert said.startswith(f"{name}: ")


def test_a_file_value_can_be_undone_by_a_flag(policy: Path) -> None:
    """Layers replace values one by one, not section by section."""
    settings = load_settings(
        file=policy, profile="mid-tier", environ={}, flags={"budgets.tool_calls": 5}
    )
    assert (settings.budgets.steps, settings.budgets.tool_calls) == (33, 5)


def test_none_is_a_word_where_a_setting_knows_it() -> None:
    """`fsm.machine=none` means the word; elsewhere `none` leaves a value out."""
    environ = {"GUARDED_AGENT_FSM__MACHINE": "none", "GUARDED_AGENT_FSM__QUESTIONS": "none"}
    found = load_settings(environ=environ, flags={"fsm.alignment": "none", "fsm.settle": "none"})
    assert (found.fsm.machine, found.fsm.questions, found.fsm.alignment) == ("none",) * 3
    assert found.fsm.settle is None


def test_a_run_from_before_a_section_is_decided_without_it() -> None:
    """The defaults of today would find in it what nobody looked for then."""
    stored = json.loads(settings_text(Settings(budgets=Budgets(steps=7))))
    del stored["hygiene"], stored["cascade"]
    found = settings_of_text(json.dumps(stored))
    assert (found.budgets.steps, found.hygiene.early, found.cascade.signs) == (7, "none", None)
    assert found.fsm == Settings().fsm
