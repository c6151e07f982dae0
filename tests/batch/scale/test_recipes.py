"""The recipes for Spark and Dask do what `tag` does, as the page has them.

Spark needs Java. Where it is missing its test is skipped, with the reason; with
`GUARDED_AGENT_SPARK=required`, as CI has it, a missing Java is a failure.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pytest

import guardrails
from guardrails.batch.scale.settings import Settings
from guardrails.batch.scale.tagging import tag_dataset
from tests.batch.scale.datasets import states, write_table

PAGE = Path(guardrails.__file__).parent.parent / "docs" / "how-to" / "tag-at-scale.md"
MODELS = ["acme", "other"] * 6
LONGEST = 24
"""Lines of a recipe that people still read."""


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    """Two files of twelve traces, the fifth of which is broken in both."""
    for name in "ab":
        write_table(tmp_path / "in" / f"{name}.parquet", states(12), model=MODELS, broken=[4])
    return tmp_path / "in"


def recipe(name: str) -> str:
    """Return a program of the page."""
    found = re.search(
        rf"^```python file={name}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found[1]


def ran(name: str, traces: Path, folder: Path) -> tuple[Path, Path]:
    """Run a program of the page; return where tags and broken rows are."""
    (folder / name).write_text(recipe(name))
    tagged, broken = folder / "tagged", folder / "broken"
    environ = {
        **os.environ,
        "PYTHONPATH": str(PAGE.parents[2]),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_SUBMIT_ARGS": "--master local[1] --conf spark.ui.enabled=false pyspark-shell",
    }
    done = subprocess.run(
        [sys.executable, name, str(traces), str(tagged), str(broken)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return tagged, broken


def rows(folder: Path) -> list[tuple[object, ...]]:
    """Return what the rows of a data set say, sorted."""
    found = ds.dataset(folder, format="parquet", partitioning="hive").to_table().to_pylist()
    return sorted((r["run_id"], r["model"], r["outcome"], *r["modes"]) for r in found)


def expected(traces: Path, folder: Path) -> list[tuple[object, ...]]:
    """Return what `tag` says of the same traces."""
    summary = tag_dataset([str(traces)], str(folder / "ours"), settings=Settings())
    assert (summary.rows, summary.bad) == (22, 2)
    return rows(folder / "ours")


@pytest.mark.timeout(280)
def test_the_recipe_for_spark(traces: Path, tmp_path: Path) -> None:
    """With the same rows, partitioned, and the broken ones beside them."""
    if shutil.which("java") is None:
        why = "no java: Spark needs one, such as openjdk-17-jre-headless"
        if os.environ.get("GUARDED_AGENT_SPARK") == "required":
            pytest.fail(why)
        pytest.skip(why)
    tagged, broken = ran("spark_tag.py", traces, tmp_path)
    assert rows(tagged) == expected(traces, tmp_path)
    assert ds.dataset(broken, format="json").to_table()["run_id"].to_pylist() == ["row-4"] * 2


def test_the_recipe_for_dask(traces: Path, tmp_path: Path) -> None:
    """On its threads, a file at a time."""
    tagged, broken = ran("dask_tag.py", traces, tmp_path)
    assert rows(tagged) == expected(traces, tmp_path)
    assert ds.dataset(broken).to_table()["run_id"].to_pylist() == ["row-4"] * 2


@pytest.mark.parametrize("name", ["spark_tag.py", "dask_tag.py"])
def test_recipes_are_short(name: str) -> None:
    """What is longer belongs into the package."""
    assert len(recipe(name).splitlines()) <= LONGEST
