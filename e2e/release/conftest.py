"""Builds what is committed, once; needs git, uv and an index, and no control plane."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.release.build import Built, build, git, write_bill
from e2e.clusters.build import REPO_ROOT
from e2e.release.installation import Installation, find_uv, install


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """Stand in for the suite's own: nothing here needs a control plane built."""


@pytest.fixture(scope="session")
def uv() -> str:
    """Find the program that builds and installs."""
    return find_uv()


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone the commit, so that what lies about in the working tree is not in the way."""
    folder = tmp_path_factory.mktemp("source") / "guarded-agent"
    git("clone", "--quiet", "--no-hardlinks", str(REPO_ROOT), str(folder), folder=REPO_ROOT)
    return folder


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory, uv: str) -> Built:
    """Build the commit's files."""
    made = build(source, tmp_path_factory.mktemp("dist"), uv=uv)
    write_bill(made, source=source)
    return made


@pytest.fixture(scope="session", params=["wheel", "sdist"])
def installed(
    request: pytest.FixtureRequest, built: Built, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """Install each file alone, without extras."""
    file: Path = getattr(built, request.param)
    return install(file, tmp_path_factory.mktemp(request.param) / "env")
