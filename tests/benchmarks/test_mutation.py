"""What the mutation run mutates, and how it reads what came of it; mutmut itself is not run."""

import json
import tomllib
from pathlib import Path

from benchmarks.mutation.modules import PACKAGES, ROOT, modules
from benchmarks.mutation.outcomes import Outcome, killed_share, read_outcomes, rows
from benchmarks.mutation.workspace import TYPES, prepare
from guardrails.gates.registry import DEFAULT_CHECKS

TARGET = "guardrails/gates/kubernetes/network.py"


def test_every_registered_check_is_mutated() -> None:
    """Its judge, or what its judge is made of, lies in one of the modules."""
    sources = "".join((ROOT / path).read_text() for path in modules())
    made_by = {check.judge.__module__ for check in DEFAULT_CHECKS}
    named = {path.removesuffix(".py").replace("/", ".") for path in modules()}
    factories = {"guardrails.gates.losses.comparing"}

    assert made_by <= named | factories
    assert all(f'"{c.id}"' in sources for c in DEFAULT_CHECKS)


def test_only_takes_globs_over_paths() -> None:
    """One module, or a package of them."""
    assert modules([TARGET]) == [TARGET]
    assert modules(["*/losses/*"])
    assert all("/losses/" in path for path in modules(["*/losses/*"]))
    assert modules(["nothing"]) == []


def test_a_workspace_is_a_configured_copy(tmp_path: Path) -> None:
    """The run finds its targets and tests there, and the type checker the environment."""
    prepare(tmp_path, [TARGET])

    settings = tomllib.loads((tmp_path / "pyproject.toml").read_text())["tool"]["mutmut"]
    assert settings["only_mutate"] == [TARGET]
    assert all((tmp_path / name).is_dir() for name in settings["source_paths"])
    assert all((tmp_path / name).exists() for name in settings["also_copy"])
    selected = settings["pytest_add_cli_args_test_selection"]
    assert len(selected) == len(PACKAGES)
    assert all((tmp_path / name).is_dir() for name in selected)
    assert json.loads((tmp_path / TYPES).read_text())["include"] == ["guardrails/gates/kubernetes"]


def test_outcomes_are_read_and_counted(tmp_path: Path) -> None:
    """What no test runs is not killed."""
    meta = tmp_path / "mutants" / f"{TARGET}.meta"
    meta.parent.mkdir(parents=True)
    codes = {"a": 0, "b": 1, "c": 37, "d": None, "e": 33, "f": -24, "g": 3, "h": -9}
    meta.write_text(json.dumps({"exit_code_by_key": codes, "durations_by_key": {}}))

    mutants = read_outcomes(tmp_path, [TARGET])

    tests, types, untried = Outcome.TESTS, Outcome.TYPES, Outcome.UNTRIED
    assert [m.outcome for m in mutants] == [
        Outcome.SURVIVED, tests, types, untried, untried, tests, tests, untried,
    ]  # fmt: skip
    assert killed_share(mutants) == 0.5
    assert killed_share([]) == 1.0
    assert [(row["module"], row["mutants"], row["by tests"], row["killed"])
            for row in rows(mutants)] == [
        ("kubernetes/network.py", 8, 3, "50.0 %"), ("all", 8, 3, "50.0 %"),
    ]  # fmt: skip
