"""docs/reference/metrics.md and the log lines of events.md say what the hooks do."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from guardrails.core.hooks import Record
from guardrails.core.ids import RunId
from guardrails.telemetry.logentries import entry_of
from guardrails.telemetry.metrics import PrometheusHook

DOCS = Path(__file__).parents[2] / "docs" / "reference"
METRICS = (DOCS / "metrics.md").read_text(encoding="utf-8")
EVENTS = (DOCS / "events.md").read_text(encoding="utf-8")


def test_every_metric_is_there_with_its_type_and_labels(
    records: list[Record], accepted: Record
) -> None:
    """The page and a registry that has counted one of everything agree."""
    registry = CollectorRegistry()
    hook = PrometheusHook(registry)
    for record in (*records, accepted):
        hook.on_record(RunId("r"), record)
    hook.on_timing("observe", 1e-5)
    hook.on_sink_failure("jsonl")
    counted: dict[str, tuple[str, set[str]]] = {}
    for family in registry.collect():
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        counted[f"{family.name}{suffix}"] = (family.type, labels)
    rows = [line.strip("|").split("|") for line in METRICS.splitlines() if line.startswith("| `")]
    told = {
        name.strip(" `"): (kind.strip(), set(re.findall(r"`([^`]+)`", labels)))
        for name, kind, labels, *_ in rows
    }
    assert told == counted


def test_the_queries_name_metrics_that_are_there() -> None:
    """A query over a misspelt series answers nothing, for ever."""
    (block,) = re.findall(r"```promql\n(.*?)```", METRICS, re.DOTALL)
    table = set(re.findall(r"^\| `(\w+)`", METRICS, re.MULTILINE))
    assert set(re.findall(r"guarded_agent_\w+", block)) <= table


def test_the_example_runs() -> None:
    """Code in the docs is run."""
    (block,) = re.findall(r"```python\n(.*?)```", METRICS, re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)  # noqa: S102  # the page is ours
    assert isinstance(names["registry"], CollectorRegistry)


def test_every_log_line_is_there(records: list[Record]) -> None:
    """The names are what people filter by."""
    told = set(re.findall(r"`guarded_agent\.([\w.]+)`", EVENTS))
    assert told == {entry_of(record)[1] for record in records}
