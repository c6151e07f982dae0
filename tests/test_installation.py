"""What importing and installing must and must not do."""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

import guardrails

ROOT = Path(__file__).parents[1]
HEAVY = ("langchain", "langchain_core", "langgraph", "kubernetes", "prometheus_client")
RIVAL = "Metadata-Version: 2.1\nName: guardrails-ai\nVersion: 0.11.0\n"


def _python(code: str, *, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def test_importing_the_package_loads_no_framework() -> None:
    """LangChain takes seconds to import; nobody pays for it before using an adapter."""
    code = f"import sys, guardrails; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert _python(code).stdout.strip() == "[]"


def test_help_loads_no_framework() -> None:
    """`guarded-agent --help` answers at once."""
    code = (
        "import sys; sys.argv = ['guarded-agent', '--help']\n"
        "import guarded_agent_entry\n"
        "try: guarded_agent_entry.main()\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    ran = _python(code)
    assert "LOADED []" in ran.stdout, ran.stderr
    assert "verify" in ran.stdout


@pytest.mark.parametrize("name", guardrails.__all__)
def test_every_public_name_exists(name: str) -> None:
    """The lazy table has no dead entries."""
    assert getattr(guardrails, name) is not None


def test_the_public_api_stays_small() -> None:
    """Forty names are as many as a reader keeps in mind."""
    assert len(guardrails.__all__) <= 40
    assert guardrails.__all__ == sorted(guardrails.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A typo is told as such."""
    with pytest.raises(AttributeError, match="no attribute 'Gaurd'"):
        guardrails.Gaurd  # noqa: B018


def test_every_extra_is_told() -> None:
    """The support page names what `pip install guarded-agent[…]` takes, and nothing else."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    page = (ROOT / "docs/reference/support.md").read_text()
    (table,) = re.findall(r"\| extra \| for \|\n\|---\|---\|\n((?:\|.*\n)+)", page)
    named = [
        name for row in table.splitlines() for name in re.findall("`(.+?)`", row.split("|")[1])
    ]
    assert sorted(named) == sorted(declared["optional-dependencies"])


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment of its own that has guarded-agent (by path) and guardrails-ai."""
    home = tmp_path_factory.mktemp("rival")
    venv.create(home / "env", with_pip=False)
    (site,) = (home / "env").rglob("site-packages")
    installed = site / "guardrails_ai-0.11.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(RIVAL)
    here = [p for p in sys.path if p.endswith("site-packages")]
    root = str(Path(guardrails.__file__).parent.parent)
    (site / "guarded.pth").write_text("\n".join([root, *here]) + "\n")
    return home / "env" / "bin" / "python"


def test_beside_guardrails_ai_the_import_raises(environment: Path) -> None:
    """The message says what clashes and how to mend it."""
    ran = _python("import guardrails", python=str(environment))
    assert ran.returncode == 1
    assert "InstallationConflict" in ran.stderr
    assert "pip uninstall guardrails-ai" in ran.stderr


def test_beside_guardrails_ai_the_command_says_so_in_one_line(environment: Path) -> None:
    """The console script checks before it imports a folder that may be half overwritten."""
    ran = _python("import guarded_agent_entry as e; e.main()", python=str(environment))
    assert ran.returncode == 2
    assert "guardrails-ai 0.11.0" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1


def test_without_the_rival_that_environment_imports(environment: Path) -> None:
    """The environment itself is sound; the conflict alone makes it fail."""
    metadata = next(environment.parent.parent.rglob("guardrails_ai-0.11.0.dist-info"))
    aside = metadata.rename(metadata.with_name("aside"))
    try:
        ran = _python("import guardrails; print('ok')", python=str(environment))
    finally:
        aside.rename(metadata)
    assert ran.stdout.strip() == "ok", ran.stderr
