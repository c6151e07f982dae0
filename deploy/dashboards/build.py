"""Builds Grafana's dashboard of guarded agents, and the chart's copies of dashboard and alerts.

`python deploy/dashboards/build.py` renews `guarded-agent.json` beside this file and what the chart
carries, as Helm reads no file outside of a chart; a test compares them.
"""

from dataclasses import dataclass
from pathlib import Path

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

HERE = Path(__file__).parent
FILE = HERE / "guarded-agent.json"
CHART_FILES = HERE.parent / "helm" / "guarded-agent" / "files"
ALERTS = HERE.parent / "alerts"

JOB = 'job=~"$job"'
"""Every query is about the jobs that are chosen above the panels."""

_SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
_HALF, _QUARTER = 12, 6
"""Columns of 24."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """One panel: a question, in a line for whoever looks at it, and the query that answers it."""

    title: str
    about: str
    expr: str
    legend: str = ""
    unit: str = "short"


def share(selector: str) -> str:
    """Return the share of ended runs that a selector chooses."""
    ended = f"increase(guarded_agent_runs_total{{{JOB}}}[$__range])"
    return f"sum(increase(guarded_agent_runs_total{{{JOB},{selector}}}[$__range])) / sum({ended})"


def quantile(metric: str, by: str, at: float) -> str:
    """Return a quantile of a histogram, by one label besides its buckets."""
    labels = f"{by}, le" if by else "le"
    rate = f"rate({metric}_bucket{{{JOB}}}[$__rate_interval])"
    return f"histogram_quantile({at}, sum by ({labels}) ({rate}))"


def counted(metric: str, by: str, selector: str = "") -> str:
    """Return the increase of a counter, by one label."""
    chosen = f"{JOB},{selector}" if selector else JOB
    return f"sum by ({by}) (increase({metric}{{{chosen}}}[$__rate_interval]))"


NUMBERS = (
    Graph(
        title="Ended on evidence",
        about="Share of the runs that ended `resolved` or `diagnosed`.",
        expr=share('outcome=~"resolved|diagnosed"'),
        unit="percentunit",
    ),
    Graph(
        title="Called a person",
        about="Share of the runs that ended `escalated`.",
        expr=share('outcome="escalated"'),
        unit="percentunit",
    ),
    Graph(
        title="Open runs",
        about="Runs that have begun and not ended.",
        expr=f"sum(guarded_agent_sessions{{{JOB}}})",
    ),
    Graph(
        title="Age of the reference",
        about="Since the last look that read everything and found the cluster healthy.",
        expr=f"time() - min(guarded_agent_reference_last_good_timestamp_seconds{{{JOB}}} > 0)",
        unit="s",
    ),
)

ROWS: dict[str, tuple[Graph, ...]] = {
    "What becomes of runs": (
        Graph(
            title="Runs by outcome",
            about="No bare success: each ends as one of six outcomes.",
            expr=counted("guarded_agent_runs_total", "outcome"),
            legend="{{outcome}}",
        ),
        Graph(
            title="Ends by the gate's verdict",
            about="`fail` is a claim that the world spoke against.",
            expr=counted("guarded_agent_gate_evaluations_total", "result"),
            legend="{{result}}",
        ),
        Graph(
            title="Calls and ends that were refused, by reason",
            about="What agents asked and did not get.",
            expr=counted("guarded_agent_verdicts_total", "detector", 'mode="none",action="block"'),
            legend="{{detector}}",
        ),
        Graph(
            title="Failure modes",
            about="Findings by MAST mode.",
            expr=counted("guarded_agent_findings_total", "mode"),
            legend="{{mode}}",
        ),
    ),
    "The gate": (
        Graph(
            title="Wait at the gate (p90)",
            about="From an end's claim to the report, waiting included.",
            expr=quantile("guarded_agent_gate_duration_seconds", "", 0.9),
            legend="p90",
            unit="s",
        ),
        Graph(
            title="Evidence that could not be read",
            about="By source. Such evidence is unknown, and unknown never passes.",
            expr=counted("guarded_agent_evidence_errors_total", "source"),
            legend="{{source}}",
        ),
    ),
    "The service": (
        Graph(
            title="Decisions (p99)",
            about="Every tool call waits for that; the target is 10 ms.",
            expr=quantile("guarded_agent_decision_duration_seconds", "asked", 0.99),
            legend="{{asked}}",
            unit="s",
        ),
        Graph(
            title="Requests by status",
            about="401 and 403 are tokens, 409 facts out of order, 503 a store or a cluster.",
            expr=(
                "sum by (status) (rate(guarded_agent_http_request_duration_seconds_count"
                f"{{{JOB}}}[$__rate_interval]))"
            ),
            legend="{{status}}",
            unit="reqps",
        ),
        Graph(
            title="Store calls (p99)",
            about="By operation.",
            expr=quantile("guarded_agent_store_duration_seconds", "operation", 0.99),
            legend="{{operation}}",
            unit="s",
        ),
        Graph(
            title="Store calls that failed",
            about="A fact that cannot be stored is not taken.",
            expr=counted("guarded_agent_store_errors_total", "operation"),
            legend="{{operation}}",
        ),
    ),
}


def build() -> str:
    """Return the dashboard as JSON."""
    board = (
        dashboard.Dashboard("Guarded agents")
        .uid("guarded-agent")
        .tags(["guarded-agent", "sre"])
        .time("now-24h", "now")
        .refresh("1m")
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("job")
            .datasource(_SOURCE)
            .query("label_values(guarded_agent_sessions, job)")
            .multi(multi=True)
            .include_all(include_all=True)
        )
    )
    for graph in NUMBERS:
        number = stat.Panel().title(graph.title).description(graph.about).unit(graph.unit)
        board.with_panel(
            number.datasource(_SOURCE).height(4).span(_QUARTER).with_target(_query(graph))
        )
    for title, graphs in ROWS.items():
        board.with_row(dashboard.Row(title))
        for graph in graphs:
            panel = timeseries.Panel().title(graph.title).description(graph.about).unit(graph.unit)
            board.with_panel(
                panel.datasource(_SOURCE).height(8).span(_HALF).with_target(_query(graph))
            )
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def copies() -> dict[Path, str]:
    """Return what the chart carries: the dashboard, and every file of rules."""
    rules = {
        CHART_FILES / "alerts" / path.name: path.read_text(encoding="utf-8")
        for path in sorted(ALERTS.glob("guarded-agent*.yaml"))
    }
    return {CHART_FILES / "dashboards" / FILE.name: build(), **rules}


def _query(graph: Graph) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(graph.expr).legend_format(graph.legend)


if __name__ == "__main__":
    for path, text in {FILE: build(), **copies()}.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
