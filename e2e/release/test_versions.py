"""Where the version comes from, in every form that the source is handed on in."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from deploy.release.build import build_wheel, git

EPOCH = "1780000000"


@pytest.fixture
def tagged(source: Path, tmp_path: Path) -> Path:
    """Hold a clone whose last commit is tagged."""
    clone = tmp_path / "tagged"
    git("clone", "--quiet", "--no-hardlinks", str(source), str(clone), folder=tmp_path)
    for tag in git("tag", "--list", folder=clone).split():
        git("tag", "--delete", tag, folder=clone)
    git("tag", "v7.1.0", folder=clone)
    return clone


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say the version from outside, as deploy/Dockerfile does."""
    monkeypatch.setenv("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_GUARDED_AGENT", "7.3.0")


def version_of(folder: Path, uv: str) -> str:
    """Build a wheel, and return the version in its name."""
    return build_wheel(folder, folder.parent / f"{folder.name}-out", uv=uv, epoch=EPOCH).name.split(
        "-"
    )[1]


def unpack(folder: Path, into: Path) -> Path:
    """Return what `git archive` hands out, as a download page would."""
    archive = into.with_suffix(".tar")
    git("archive", "--output", str(archive), "HEAD", folder=folder)
    with tarfile.open(archive) as opened:
        opened.extractall(into, filter="data")
    return into


def commit(folder: Path) -> None:
    """Add a commit that changes nothing."""
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.org")
    git(*identity, "commit", "--quiet", "--allow-empty", "--message", "more", folder=folder)


def test_a_tag_is_the_version(tagged: Path, uv: str) -> None:
    """A release says what its tag says."""
    assert version_of(tagged, uv) == "7.1.0"


def test_a_commit_after_a_tag_comes_after_it(tagged: Path, uv: str) -> None:
    """Before the next release, and with the commit's own name."""
    commit(tagged)
    head = git("rev-parse", "--short=7", "HEAD", folder=tagged)
    assert version_of(tagged, uv).startswith(f"7.1.1.dev1+g{head}")


def test_an_archive_of_a_tag_is_that_version(tagged: Path, tmp_path: Path, uv: str) -> None:
    """Without git: the archive carries a note of its own."""
    assert version_of(unpack(tagged, tmp_path / "archive"), uv) == "7.1.0"


def test_a_shallow_clone_without_tags_is_older_than_any_release(
    tagged: Path, tmp_path: Path, uv: str
) -> None:
    """It builds; nobody takes it for a release."""
    git("tag", "--delete", "v7.1.0", folder=tagged)
    git("clone", "--quiet", "--depth=1", f"file://{tagged}", "shallow", folder=tmp_path)
    assert version_of(tmp_path / "shallow", uv).startswith("0.0.1.dev")


def test_a_folder_without_git_is_older_than_any_release(
    tagged: Path, tmp_path: Path, uv: str
) -> None:
    """As a copy of the files into a container is."""
    git("tag", "--delete", "v7.1.0", folder=tagged)
    bare = unpack(tagged, tmp_path / "bare")
    (bare / ".git_archival.txt").unlink()
    assert version_of(bare, uv) == "0.0.0"


@pytest.mark.usefixtures("pretended")
def test_the_image_says_the_version_that_it_is_given(tagged: Path, tmp_path: Path, uv: str) -> None:
    """With the files that deploy/Dockerfile copies, and nothing else."""
    context = tmp_path / "context"
    context.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "guarded_agent_entry.py", "guardrails"):
        subprocess.run(["cp", "-r", str(tagged / name), str(context / name)], check=True)
    assert version_of(context, uv) == "7.3.0"
