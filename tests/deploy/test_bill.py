"""The bill of materials says what the lock pins, and says it the same every time."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from deploy.release.lock import Needs, closure, name_of, read_lock, read_needs
from deploy.release.sbom import MARKER, bill

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "requirements.lock").read_text()
LOCK = read_lock(TEXT)
NEEDS = read_needs((ROOT / "pyproject.toml").read_text())
AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
SMALL = """\
anyio==4.16.0 \\
    --hash=sha256:{a}
    # via
    #   guarded-agent (pyproject.toml)
    #   starlette
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:{b} \\
    --hash=sha256:{a}
    # via anyio
psycopg[binary]==3.3.9 \\
    --hash=sha256:{b}
    # via guarded-agent (pyproject.toml)
pytest==9.2.0 \\
    --hash=sha256:{b}
    # via guarded-agent (pyproject.toml:dev)
""".format(a="a" * 64, b="b" * 64)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Stand for the built file; what is in it does not matter here."""
    path = tmp_path / "guarded_agent-0.2.0-py3-none-any.whl"
    path.write_bytes(b"wheel")
    return path


@pytest.fixture
def made(wheel: Path) -> dict[str, Any]:
    """Read the bill of the real lock."""
    return json.loads(bill(LOCK, NEEDS, wheel=wheel, version="0.2.0", at=AT))


def test_the_lock_is_read_whole() -> None:
    """As many packages as lines that pin one, and every hash."""
    read = [one for versions in LOCK.values() for one in versions]
    assert len(read) == len(re.findall(r"^[a-z0-9].*==", TEXT, re.MULTILINE))
    assert sum(len(one.hashes) for one in read) == TEXT.count("--hash=sha256:")


def test_a_package_may_have_a_version_for_each_interpreter() -> None:
    """The bill has all of them, each with where it is installed."""
    names = {name for name, versions in LOCK.items() if len(versions) > 1}
    assert names, "the lock has no such package any more: write one into this test"
    for name in names:
        assert all(one.marker for one in LOCK[name])


def test_an_entry_is_read_with_all_that_it_says() -> None:
    """Name without extras, marker, hashes, and who asks."""
    found = read_lock(SMALL)
    assert list(found) == ["anyio", "colorama", "psycopg", "pytest"]
    (colorama,), (anyio,) = found["colorama"], found["anyio"]
    assert colorama.marker == "sys_platform == 'win32'"
    assert colorama.hashes == ("a" * 64, "b" * 64)
    assert anyio.asked_by == {"guarded-agent", "starlette"}


def test_a_package_without_a_hash_is_refused() -> None:
    """There would be nothing to hold a file against."""
    with pytest.raises(ValueError, match="anyio has no hash; run `make lock`"):
        read_lock("anyio==4.16.0\n    # via guarded-agent (pyproject.toml)\n")


def test_a_lock_that_lags_behind_is_refused() -> None:
    """A new dependency without `make lock` would be missing from the bill."""
    with pytest.raises(ValueError, match=r"lacks newcomer; run `make lock`"):
        closure(read_lock(SMALL), ["anyio", "newcomer"])


@pytest.mark.parametrize(
    ("line", "name"),
    [("PyYAML>=6", "pyyaml"), ("psycopg[binary]>=3.3", "psycopg"), ("a.b_c; x", "a-b-c")],
)
def test_names_are_compared_in_their_normal_form(line: str, name: str) -> None:
    """PEP 503: case and separators do not tell packages apart."""
    assert name_of(line) == name


def test_it_is_valid_cyclonedx(wheel: Path) -> None:
    """By the schema that readers of bills use."""
    text = bill(LOCK, NEEDS, wheel=wheel, version="0.2.0", at=AT)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_every_component_is_as_the_lock_pins_it(made: dict[str, Any]) -> None:
    """Version, hashes and marker, held against the lock's text and not against its reader."""
    for part in made["components"]:
        entry = re.search(
            rf"^{re.escape(part['name'])}(?:\[[^\]]*\])?=="
            rf"({re.escape(part['version'])})[ \n].*?(?=^[a-z0-9]|\Z)",
            TEXT,
            re.MULTILINE | re.DOTALL,
        )
        assert entry is not None, part["name"]
        assert part["version"] == entry[1]
        (reference,) = part["externalReferences"]
        hashes = {one["content"] for one in reference["hashes"]}
        assert hashes == set(re.findall(r"sha256:(\w+)", entry[0])), part["name"]
        markers = [one["value"] for one in part.get("properties", []) if one["name"] == MARKER]
        assert all(f"; {marker}" in entry[0] for marker in markers)


def test_what_the_project_asks_for_is_there(made: dict[str, Any]) -> None:
    """What every installation has is required, the rest optional."""
    scopes = {part["name"]: part["scope"] for part in made["components"]}
    assert {scopes[name] for name in NEEDS.required} == {"required"}
    assert {scopes[name] for name in ("pyarrow", "redis", "psycopg")} == {"optional"}
    assert not {"pytest", "ruff", "hypothesis"} & set(scopes)


def test_every_edge_joins_what_is_there(made: dict[str, Any]) -> None:
    """And every component is reached from the wheel."""
    edges = {one["ref"]: one["dependsOn"] for one in made["dependencies"]}
    refs = {part["bom-ref"] for part in made["components"]}
    root = made["metadata"]["component"]["bom-ref"]
    assert set(edges) == refs | {root}
    reached, todo = set[str](), [root]
    while todo:
        for ref in edges[todo.pop()]:
            if ref not in reached:
                reached.add(ref)
                todo.append(ref)
    assert reached == refs


def test_the_same_commit_gives_the_same_bytes(wheel: Path) -> None:
    """Wherever and whenever it is made; the time is the commit's."""
    there = timezone(timedelta(hours=12, minutes=45))
    first = bill(LOCK, NEEDS, wheel=wheel, version="0.2.0", at=AT)
    assert bill(LOCK, NEEDS, wheel=wheel, version="0.2.0", at=AT.astimezone(there)) == first
    assert '"timestamp": "2026-11-27T12:00:00Z"' in first


def test_another_wheel_has_another_number(wheel: Path, made: dict[str, Any]) -> None:
    """Two bills with one serial number would be taken for one."""
    wheel.write_bytes(b"another")
    other = json.loads(bill(LOCK, NEEDS, wheel=wheel, version="0.2.0", at=AT))
    assert other["serialNumber"] != made["serialNumber"]


def test_extras_of_extras_ask_for_no_package() -> None:
    """`guarded-agent[langchain]` in an extra is the project itself."""
    project = (
        '[project]\ndependencies = ["anyio"]\n[project.optional-dependencies]\n'
        'openai = ["guarded-agent[langchain]", "redis"]\n'
    )
    assert read_needs(project) == Needs(
        required=frozenset({"anyio"}), optional=frozenset({"redis"})
    )
