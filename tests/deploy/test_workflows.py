"""The workflow files ask for what exists, and for no right that they do not need."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = {path.name: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yml"))}
JOBS = [(file, name, job) for file, flow in FILES.items() for name, job in flow["jobs"].items()]
STEPS = [(file, name, step) for file, name, job in JOBS for step in job["steps"]]
TARGETS = set(re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
LINES = [line for path in FOLDER.glob("*.yml") for line in path.read_text().splitlines()]
WRITES = {
    ("release.yml", "provenance"): {"attestations", "id-token"},
    ("release.yml", "image"): {"attestations", "id-token", "packages"},
    ("release.yml", "chart"): {"attestations", "id-token", "packages"},
    ("release.yml", "pypi"): {"id-token"},
    ("release.yml", "page"): {"contents"},
}
"""Every right to write, and whose it is. Whoever adds one says so here."""


def _ids(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def test_there_are_both() -> None:
    """One checks every change, one publishes."""
    assert set(FILES) == {"ci.yml", "release.yml"}


@pytest.mark.parametrize("file", FILES)
def test_a_file_grants_nothing_by_itself(file: str) -> None:
    """A job that names no rights has none."""
    assert FILES[file]["permissions"] == {}


@pytest.mark.parametrize(("file", "name", "job"), JOBS, ids=_ids)
def test_a_job_has_the_rights_that_it_needs(file: str, name: str, job: dict[str, Any]) -> None:
    """No right to write beyond the table, and an end to every job."""
    rights: dict[str, str] = job["permissions"]
    assert {r for r, level in rights.items() if level == "write"} == WRITES.get((file, name), set())
    assert set(rights.values()) <= {"read", "write"}
    assert job["timeout-minutes"] <= 180


@pytest.mark.parametrize(("file", "name", "job"), JOBS, ids=_ids)
def test_a_job_waits_for_jobs_that_exist(file: str, name: str, job: dict[str, Any]) -> None:
    """And what it reads of another's outputs, it waits for."""
    needs = job.get("needs", [])
    waits = {needs} if isinstance(needs, str) else set(needs)
    jobs = FILES[file]["jobs"]
    assert waits <= set(jobs) - {name}
    read = set(re.findall(r"needs\.(\w+)\.outputs\.(\w+)", str(job)))
    assert {other for other, _ in read} <= waits
    assert all(output in jobs[other].get("outputs", {}) for other, output in read)


@pytest.mark.parametrize(
    ("name", "step"), [(n, s) for _, n, s in STEPS if "make " in s.get("run", "")], ids=_ids
)
def test_every_make_target_exists(name: str, step: dict[str, Any]) -> None:
    """A renamed target is noticed here, not on the day of a release."""
    asked = re.findall(r"\bmake ([a-z0-9-]+)", step["run"])
    assert asked
    assert set(asked) <= TARGETS, name


def test_ci_runs_what_the_script_runs() -> None:
    """`.ci/run` and the jobs do not drift apart."""
    script = re.findall(r"^make (\S+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    runs = [step["run"] for file, _, step in STEPS if file == "ci.yml" and "run" in step]
    assert script
    assert [target for target in script if f"make {target}" not in runs] == []


def test_every_action_is_pinned_by_commit() -> None:
    """A tag can be moved to other code; the comment says which one was meant."""
    uses = [line.strip() for line in LINES if "uses:" in line]
    pinned = re.compile(r"(?:- )?uses: [\w.-]+/[\w.-]+(?:/[\w./-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert uses
    assert [line for line in uses if not pinned.fullmatch(line)] == []


def test_an_action_has_one_pin() -> None:
    """Two commits of one action would be two things to trust."""
    pins = {(a, c) for line in LINES for a, c in re.findall(r"uses: (\S+)@(.+)", line)}
    assert len(pins) == len({action for action, _ in pins})


def test_no_checkout_leaves_its_token_behind() -> None:
    """What runs later could push with it."""
    checkouts = [s for *_, s in STEPS if s.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_script_has_an_expression_in_it() -> None:
    """Expressions are put into a script as text, so a name could be code; variables are not."""
    scripts = [step["run"] for *_, step in STEPS if "run" in step]
    assert [script for script in scripts if "${{" in script] == []


def test_nothing_is_published_before_it_is_built_and_tested() -> None:
    """Every job that writes outward comes after both, by whichever way."""
    jobs = FILES["release.yml"]["jobs"]

    def before(name: str) -> set[str]:
        needs = jobs[name].get("needs", [])
        waits = {needs} if isinstance(needs, str) else set(needs)
        return waits.union(*(before(one) for one in waits)) if waits else set()

    writers = [name for file, name in WRITES if file == "release.yml"]
    assert [name for name in writers if not {"build", "test"} <= before(name)] == []


def test_a_release_checks_bytes_and_versions_before_it_hands_them_on() -> None:
    """In this order: build, build again, hold every version against the tag, upload."""
    steps = FILES["release.yml"]["jobs"]["build"]["steps"]
    said = [step.get("run") or step.get("uses", "").partition("@")[0] for step in steps]
    wanted = ["make dist", "make reproduce DIST=dist", "make release-check DIST=dist"]
    places = [said.index(one) for one in [*wanted, "actions/upload-artifact"]]
    assert places == sorted(places)


def test_image_and_chart_are_signed_by_digest() -> None:
    """A tag can be moved after it was signed."""
    signed = [s for *_, s in STEPS if "cosign sign" in s.get("run", "")]
    assert len(signed) == len(("image", "chart"))
    assert all(".outputs.digest" in step["env"]["SUBJECT"] for step in signed)


def test_pypi_gets_attestations_and_no_token() -> None:
    """Trusted publishing: the workflow's identity is the only credential."""
    (publish,) = [s for *_, s in STEPS if "gh-action-pypi-publish" in s.get("uses", "")]
    assert publish["with"] == {"attestations": True}
    assert "secrets." not in "".join(LINES)


def test_the_newest_versions_are_tried_on_every_supported_python() -> None:
    """The matrix is the page's list and the classifiers'."""
    tried = FILES["ci.yml"]["jobs"]["highest"]["strategy"]["matrix"]["python"]
    project = (ROOT / "pyproject.toml").read_text()
    assert tried == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    page = (ROOT / "docs" / "reference" / "support.md").read_text()
    assert f"| Python | {tried[0]} to {tried[-1]} |" in page
