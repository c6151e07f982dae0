"""The documentation site builds without a warning, and what it shows is what the pages say."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import guardrails
import guardrails.testing

ROOT = Path(guardrails.__file__).parent.parent
DOCS = ROOT / "docs"
MISSING = [
    name for name in ("sphinx", "myst_parser", "furo", "sphinx_copybutton") if not find_spec(name)
]

pytestmark = pytest.mark.skipif(
    bool(MISSING) and os.environ.get("GUARDED_AGENT_DOCS") != "required",
    reason=f"not installed: {', '.join(MISSING)} (GUARDED_AGENT_DOCS=required makes this an error)",
)


def build(into: Path) -> Path:
    """Build the site as `make docs` does, and return the folder of its pages."""
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--nitpicky"]
    command += ["--quiet", "--builder", "html", "--doctree-dir", str(into / "doctrees")]
    done = subprocess.run(
        [*command, str(DOCS), str(into / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return into / "html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built site."""
    return build(tmp_path_factory.mktemp("site"))


def pages(site: Path) -> list[Path]:
    """Return its pages."""
    return sorted(site.rglob("*.html"))


def identifiers(page: Path) -> set[str]:
    """Return what links may point to in a page."""
    return set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8")))


# The first test of the module waits for the build.
@pytest.mark.timeout(600)
def test_every_page_is_on_the_site(site: Path) -> None:
    """None is left out."""
    wanted = {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")}
    assert wanted <= {page.relative_to(site) for page in pages(site)}


@pytest.mark.timeout(600)
def test_no_link_of_the_site_is_broken(site: Path) -> None:
    """To pages, to files, and to places in pages."""
    known: dict[Path, set[str]] = {}
    broken: list[str] = []
    for page in pages(site):
        for link in re.findall(r'\b(?:href|src)="([^"]*)"', page.read_text(encoding="utf-8")):
            parts = urlsplit(link.replace("&amp;", "&"))
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.is_file():
                broken.append(f"{page.relative_to(site)}: {link}")
            elif parts.fragment and target.suffix == ".html":
                ids = known.setdefault(target, identifiers(target))
                if unquote(parts.fragment) not in ids:
                    broken.append(f"{page.relative_to(site)}: {link}")
    assert broken == []


@pytest.mark.timeout(600)
def test_the_site_fetches_nothing(site: Path) -> None:
    """It is read where there is no network: no script, style, font or picture from elsewhere."""
    loads = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=\"(https?:)?//")
    assert [p.name for p in pages(site) if loads.search(p.read_text(encoding="utf-8"))] == []
    styles = [p.read_text(encoding="utf-8") for p in site.rglob("*.css")]
    assert [s for s in styles if re.search(r"(@import|url\()\s*[\"']?https?:", s)] == []


@pytest.mark.timeout(600)
def test_every_public_name_is_documented(site: Path) -> None:
    """Those of the library and those for tests, from their docstrings."""
    known = identifiers(site / "reference" / "api.html")
    names = [f"guardrails.{name}" for name in guardrails.__all__]
    names += [f"guardrails.testing.{name}" for name in guardrails.testing.__all__]
    assert [name for name in names if name not in known] == []


@pytest.mark.timeout(600)
def test_a_file_is_shown_by_its_name_and_a_block_without_its_words(site: Path) -> None:
    """What tests read behind the language is not for readers."""
    page = (site / "tutorial" / "first-guarded-run.html").read_text(encoding="utf-8")
    assert '<span class="caption-text">quick.yaml</span>' in page
    assert "run exit=3" not in page
    assert "file=agent.py" not in page


@pytest.mark.timeout(600)
def test_options_in_text_can_be_copied(site: Path) -> None:
    """Two dashes stay two dashes."""
    page = (site / "reference" / "command-options.html").read_text(encoding="utf-8")
    assert "With --demo: the scenario" in page
