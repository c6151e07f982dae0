"""One version everywhere: in the package, in what it reports, and in the files of a release."""

import re
import shutil
import subprocess
from datetime import date
from importlib.metadata import version as installed
from pathlib import Path

import pytest
from packaging.version import Version
from prometheus_client import CollectorRegistry

import guardrails
from deploy.release.build import NotBuiltError
from deploy.release.versions import (
    CHANGELOG,
    CHART,
    TUTORIAL,
    chart_version,
    differences,
    parsed,
    said,
    tagged_version,
    write,
)
from guardrails.telemetry.metrics import PrometheusHook
from guardrails.version import VERSION

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Hold the files that say a version, committed."""
    for path in (CHART, TUTORIAL, CHANGELOG):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    _git(tmp_path, "init", "--quiet")
    return tmp_path


def _git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)  # noqa: S607


def _commit(folder: Path, *tags: str) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "--quiet", "--allow-empty", "-m", "a")
    for tag in tags:
        _git(folder, "tag", tag)


def test_the_package_says_what_is_installed() -> None:
    """`guardrails.__version__` is the metadata's, which pip and the image's label take too."""
    assert guardrails.__version__ == VERSION == installed("guarded-agent")


def test_the_metric_says_the_same() -> None:
    """Dashboards tell versions apart by it."""
    registry = CollectorRegistry()
    PrometheusHook(registry)
    assert registry.get_sample_value("guarded_agent_build_info", {"version": VERSION}) == 1.0


def test_the_files_of_the_repository_agree() -> None:
    """Chart, application and tutorial name one version between releases too."""
    places = said(ROOT)
    found = {text for place, texts in places.items() for text in texts if "appV" not in place}
    assert all(places.values()), places
    assert len(found) == 1, places
    assert places[f"{CHART}: appVersion"] == sorted(found)


@pytest.mark.parametrize(
    ("version", "chart"),
    [("0.2.0", "0.2.0"), ("1.0.0rc1", "1.0.0-rc.1"), ("1.0.0b2", "1.0.0-beta.2")],
)
def test_helm_gets_semantic_versions(version: str, chart: str) -> None:
    """A tag of Python's form is written in Helm's."""
    assert chart_version(Version(version)) == chart


@pytest.mark.parametrize("version", ["0.2.0.dev3", "0.2.0+local", "0.2.0.post1", "1!0.2.0"])
def test_what_is_no_release_gets_no_chart(version: str) -> None:
    """Nothing but releases and their candidates is published."""
    with pytest.raises(NotBuiltError, match="is no release"):
        chart_version(Version(version))


@pytest.mark.parametrize("text", ["", "next", "0.2", "0.2.0-rc.1", "v0.2.0", "00.2.0", "1.2.3.4"])
def test_a_version_has_one_way_to_be_written(text: str) -> None:
    """Else tag, wheel and chart would differ by their spelling."""
    with pytest.raises(NotBuiltError, match="is no"):
        parsed(text)


@pytest.mark.parametrize("version", ["0.2.0", "1.0.0rc1"])
def test_what_was_written_passes(tree: Path, version: str) -> None:
    """`make release-version` leaves nothing for `make release-check` to find."""
    write(tree, parsed(version), on=date(2027, 1, 4))
    _commit(tree, f"v{version}")
    assert tagged_version(tree) == Version(version)
    assert differences(tree, tagged_version(tree)) == []
    assert f"\n## {version} - 2027-01-04\n" in (tree / CHANGELOG).read_text()


def test_writing_twice_changes_nothing_more(tree: Path) -> None:
    """A second thought on the day of a release is harmless."""
    write(tree, parsed("0.2.0"), on=date(2027, 1, 4))
    before = {path: (tree / path).read_text() for path in (CHART, TUTORIAL, CHANGELOG)}
    write(tree, parsed("0.2.0"), on=date(2027, 1, 5))
    assert {path: (tree / path).read_text() for path in before} == before


@pytest.mark.parametrize(
    ("path", "pattern", "place"),
    [
        (CHART, r"^version: .*$", "version"),
        (CHART, r"^appVersion: .*$", "appVersion"),
        (TUTORIAL, r"docker push \S+", "the image's tag"),
        (TUTORIAL, r"--build-arg VERSION=\S+", "--build-arg VERSION"),
        (CHANGELOG, r"^## 0\.2\.0.*$", "has no heading"),
    ],
    ids=["chart", "app", "tag", "argument", "changelog"],
)
def test_a_place_that_was_left_behind_is_named(
    tree: Path, path: Path, pattern: str, place: str
) -> None:
    """Each of them alone stops a release."""
    write(tree, parsed("0.2.0"), on=date(2027, 1, 4))
    text = (tree / path).read_text()
    changed = re.sub(pattern, lambda m: m[0].replace("0.2.0", "0.1.9"), text, flags=re.MULTILINE)
    assert changed != text
    (tree / path).write_text(changed)
    (line,) = differences(tree, Version("0.2.0"))
    assert str(path) in line
    assert place in line


def test_a_place_that_says_nothing_is_named(tree: Path) -> None:
    """A line that was rewritten by hand is not passed over."""
    write(tree, parsed("0.2.0"), on=date(2027, 1, 4))
    (tree / CHART).write_text((tree / CHART).read_text().replace("appVersion:", "appversion:"))
    assert differences(tree, Version("0.2.0")) == [f"{CHART}: appVersion says nothing, not 0.2.0"]


def test_a_wheel_of_another_version_is_named(tree: Path) -> None:
    """What lies in dist/ may be of yesterday."""
    write(tree, parsed("0.2.0"), on=date(2027, 1, 4))
    (tree / "guarded_agent-0.1.9-py3-none-any.whl").touch()
    (line,) = differences(tree, Version("0.2.0"), dist=tree)
    assert line.endswith("has the wheel of 0.1.9")


@pytest.mark.parametrize(
    ("tags", "said_of_them"),
    [((), "has none"), (("v0.2.0", "v0.3.0"), "has v0.2.0, v0.3.0"), (("v2",), "'2' is not in")],
)
def test_a_commit_has_one_tag(tree: Path, tags: tuple[str, ...], said_of_them: str) -> None:
    """None, two, or one that is no version make no release."""
    _commit(tree, *tags)
    with pytest.raises(NotBuiltError, match=said_of_them):
        tagged_version(tree)
