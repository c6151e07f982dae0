"""Options that several commands share, named as kubectl names them, each with its variable."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Output(StrEnum):
    """How a command prints its result."""

    TEXT = "text"
    JSON = "json"


def _file(*names: str, help: str, variable: str | None = None) -> typer.models.OptionInfo:  # noqa: A002  # typer's own word
    return typer.Option(*names, help=help, envvar=variable, metavar="FILE", show_default=False)


Kubeconfig = Annotated[
    Path | None,
    _file(
        "--kubeconfig",
        help="Kubeconfig file; else KUBECONFIG, ~/.kube/config, or the pod's service account.",
        variable="GUARDED_AGENT_KUBECONFIG",
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        help="Context of the kubeconfig.",
        metavar="NAME",
        envvar="GUARDED_AGENT_CONTEXT",
    ),
]
Namespaces = Annotated[
    list[str] | None,
    typer.Option(
        "-n",
        "--namespace",
        help="Namespace in scope; repeatable. Over what the incident says.",
        metavar="NAMESPACE",
        show_default=False,
    ),
]
Prometheus = Annotated[
    str | None,
    typer.Option(
        "--prometheus",
        help="URL of Prometheus.",
        metavar="URL",
        envvar="GUARDED_AGENT_PROMETHEUS",
    ),
]
Alertmanager = Annotated[
    str | None,
    typer.Option(
        "--alertmanager",
        help="URL of Alertmanager.",
        metavar="URL",
        envvar="GUARDED_AGENT_ALERTMANAGER",
    ),
]
IncidentFile = Annotated[
    Path | None, _file("--incident", help="What happened: YAML or JSON, see docs/reference.")
]
AlertPayload = Annotated[
    str | None,
    typer.Option(
        "--alert-payload",
        help="Alertmanager webhook payload (JSON), `-` for standard input.",
        metavar="FILE|-",
    ),
]
Baseline = Annotated[
    list[Path] | None,
    typer.Option(
        "--baseline",
        help="Snapshot of a healthy time (`baseline record`), or a folder of them.",
        metavar="FILE|DIR",
        show_default=False,
    ),
]
Manifests = Annotated[
    list[Path] | None,
    typer.Option(
        "--reference",
        help="Manifests of what is declared (YAML or JSON, rendered), where no --baseline can be "
        "used; a file, or a folder with all below it; repeatable.",
        metavar="FILE|DIR",
        show_default=False,
    ),
]
Policy = Annotated[
    Path | None, _file("--policy", help="Policy file.", variable="GUARDED_AGENT_POLICY")
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--profile", help="Profile of the policy; else chosen by --model.", metavar="NAME"
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="One setting of the policy, such as gate.require=alerts; may be repeated.",
        metavar="KEY=VALUE",
        show_default=False,
    ),
]
Watch = Annotated[
    str | None,
    typer.Option(
        "--watch",
        help="Keep watching for so long after a pass, such as 15m; a regression undoes it.",
        metavar="DURATION",
        show_default=False,
    ),
]
OutputFormat = Annotated[
    Output, typer.Option("-o", "--output", help="text or json.", case_sensitive=False)
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
"""Acted on by `guardrails.cli.app.run_cli`; commands only accept it."""
