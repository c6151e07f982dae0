"""`python -m guardrails.testing.sim`: a simulated shop that stays up, to try commands on.

`up` holds the demo's shop, its traffic and its alert rules on loopback, and writes into a folder
how it is reached. `break` and `mend` change its objects through the API server, as anybody would.
"""

import signal
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import httpx2
import typer
import yaml

from guardrails.testing.demo_app import NAMESPACE, shop_app, shop_flows, shop_rules
from guardrails.testing.sim import SimCluster

KUBECONFIG, ENVIRONMENT = "kubeconfig", "env"
"""Names of the two files in the folder."""

TIMEOUT_SECONDS = 5.0
"""Limit of one request to the simulated API server; it answers in milliseconds."""

app = typer.Typer(
    help="A simulated Kubernetes cluster with a shop in it, and its monitoring, on loopback.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class Fault(StrEnum):
    """What can be broken, and mended again."""

    WRONG_PORT = "wrong-port"
    NO_REPLICAS = "no-replicas"


@dataclass(frozen=True, slots=True)
class _Change:
    path: str
    broken: dict[str, Any]
    mended: dict[str, Any]


def _ports(target: int | str) -> dict[str, Any]:
    return {"spec": {"ports": [{"name": "http", "port": 80, "targetPort": target}]}}


_CHANGES = {
    Fault.WRONG_PORT: _Change(
        f"/api/v1/namespaces/{NAMESPACE}/services/checkout", _ports(9090), _ports("http")
    ),
    Fault.NO_REPLICAS: _Change(
        f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/payment",
        {"spec": {"replicas": 0}},
        {"spec": {"replicas": 2}},
    ),
}

Folder = Annotated[
    Path, typer.Option("--folder", help="Where it says how it is reached.", metavar="FOLDER")
]
Chosen = Annotated[Fault, typer.Argument(help="What to break or mend.")]

DEFAULT_FOLDER = Path("sim")


@app.command("up")
def up(folder: Folder = DEFAULT_FOLDER) -> None:
    """Hold the shop until Ctrl-C or SIGTERM."""
    folder.mkdir(parents=True, exist_ok=True)
    over = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with SimCluster() as cluster:
        cluster.apply(shop_app())
        for flow in shop_flows():
            cluster.add_flow(flow)
        for rule in shop_rules():
            cluster.add_rule(rule)
        kubeconfig = cluster.write_kubeconfig(folder / KUBECONFIG)
        environment = folder / ENVIRONMENT
        variables = {
            "KUBECONFIG": str(kubeconfig.resolve()),
            "GUARDED_AGENT_PROMETHEUS": cluster.prometheus_url,
            "GUARDED_AGENT_ALERTMANAGER": cluster.alertmanager_url,
        }
        # Last, so that whoever waits for this file finds everything.
        environment.write_text(
            "".join(f"export {name}='{value}'\n" for name, value in variables.items()),
            encoding="utf-8",
        )
        typer.echo(f"namespace {NAMESPACE} is up; `. {environment}` lets commands find it")
        over.wait()
        environment.unlink(missing_ok=True)


@app.command("break")
def break_(fault: Chosen = Fault.WRONG_PORT, folder: Folder = DEFAULT_FOLDER) -> None:
    """Break the shop; its alerts fire after some seconds."""
    _patch(folder, _CHANGES[fault].path, _CHANGES[fault].broken)


@app.command("mend")
def mend(fault: Chosen = Fault.WRONG_PORT, folder: Folder = DEFAULT_FOLDER) -> None:
    """Mend it again; its alerts clear after some seconds."""
    _patch(folder, _CHANGES[fault].path, _CHANGES[fault].mended)


def _patch(folder: Path, path: str, body: dict[str, Any]) -> None:
    kubeconfig = folder / KUBECONFIG
    try:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        answer = httpx2.patch(
            config["clusters"][0]["cluster"]["server"] + path,
            json=body,
            headers={"content-type": "application/strategic-merge-patch+json"},
            timeout=TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
    except (OSError, httpx2.HTTPError) as error:
        typer.echo(
            f"error: the shop of {folder} does not answer; is `up` running there? {error}",
            err=True,
        )
        raise typer.Exit(1) from error
    typer.echo(f"{'/'.join(path.split('/')[-2:])} patched")


if __name__ == "__main__":
    app(prog_name="python -m guardrails.testing.sim")
