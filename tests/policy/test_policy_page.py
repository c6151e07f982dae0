"""docs/reference/policy.md says what the models say."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardrails.policy.file import PolicyFile, ProfileEntry
from guardrails.policy.layers import flat, setting_keys, variable
from guardrails.policy.load import explain_settings, load_settings
from guardrails.policy.models import Sections, Settings
from guardrails.policy.shipped import FALLBACK, shipped_profiles

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "policy.md").read_text(encoding="utf-8")


def rows(first: str) -> Iterator[list[str]]:
    """Give the rows of the table whose first heading this is."""
    table = PAGE.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def shown(value: object) -> str:
    """Write a value as the page does."""
    words = {None: "null", False: "false", True: "true"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def blocks(language: str) -> list[str]:
    """Give the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_every_setting_is_there_with_its_default_and_a_reason() -> None:
    """A setting that is new, gone or has another default makes the page wrong."""
    told = {key: default for key, default, _ in rows("key | default")}
    defaults = flat(Settings().model_dump(mode="json"))
    assert told == {key: shown(defaults[key]) for key in setting_keys() if key != "mode"}
    assert all(len(why) > 10 for _, _, why in rows("key | default"))


def test_every_key_at_the_top_is_there() -> None:
    """The same for what is around the settings."""
    told = dict(rows("key | meaning"))
    assert set(told) == set(PolicyFile.model_fields)
    for key in set(ProfileEntry.model_fields) - set(Sections.model_fields):
        assert f"`{key}`" in told["profiles"]


def test_the_profiles_are_there_as_they_are_shipped() -> None:
    """What a profile sets, and nothing that it does not."""
    told = {key: values for key, *values in rows("key | `frontier`")}
    names = ("frontier", "mid-tier", "open")
    resolved = {
        name: {row.key: row for row in explain_settings(profile=name, environ={})} for name in names
    }
    assert told == {
        key: [shown(resolved[name][key].value) for name in names]
        for key in told
        if all(resolved[name][key].origin.kind == "profile" for name in names)
    }
    for name in names:
        data = {k: v for k, v in shipped_profiles()[name].document.data.items() if k != "models"}
        assert set(flat(data)) <= set(told)


@pytest.mark.parametrize(("model", "profile"), list(rows("model")))
def test_the_models_get_the_profile_that_the_page_says(model: str, profile: str) -> None:
    """Examples are run."""
    assert load_settings(model=model, environ={}).profile == profile


def test_the_page_names_the_fallback() -> None:
    """What happens to an unknown model is what people ask first."""
    assert f"A model that no glob knows gets `{FALLBACK}`" in PAGE


def test_the_example_files_load(tmp_path: Path) -> None:
    """Every YAML block is a policy."""
    for number, block in enumerate(blocks("yaml")):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        assert load_settings(file=path, model="vllm:our-8b", environ={}).profile == "ours"


def test_the_example_variables_are_taken() -> None:
    """Every `export` sets a setting."""
    lines = [line.removeprefix("export ") for line in "".join(blocks("sh")).splitlines()]
    environ = {name: text.strip('"') for name, _, text in (line.partition("=") for line in lines)}
    assert set(environ) <= set(map(variable, setting_keys()))
    assert load_settings(environ=environ).tools.finish == ("submit", "done_*")
