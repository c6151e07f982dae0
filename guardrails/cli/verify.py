"""`guarded-agent verify`: the gate alone, for agents that are not wrapped and for pipelines."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from guardrails.cli import options
from guardrails.core.incident import Goal
from guardrails.errors import UsageError


class Claimed(StrEnum):
    """The claims that evidence can prove."""

    MITIGATED = "mitigated"
    DIAGNOSED = "diagnosed"


def verify(  # noqa: PLR0913  # one parameter per option
    *,
    incident: options.IncidentFile = None,
    alert_payload: options.AlertPayload = None,
    namespace: options.Namespaces = None,
    baseline: options.Baseline = None,
    reference: options.Manifests = None,
    claim: Annotated[
        Claimed | None,
        typer.Option("--claim", help="What is claimed; else by the incident's goal."),
    ] = None,
    entity: Annotated[
        list[str] | None,
        typer.Option(
            "--entity",
            help="Object that a diagnosis names: kind/name or namespace/kind/name; repeatable.",
            metavar="OBJECT",
            show_default=False,
        ),
    ] = None,
    claim_file: Annotated[
        Path | None,
        typer.Option(
            "--claim-file",
            help="Diagnosis to judge: an agent's answer as text or JSON, such as ITBench's "
            "agent_output.json; - reads standard input.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            help="Loss that is wanted: check:kind/name=reason, such as "
            "'autoscaler-kept:HorizontalPodAutoscaler/web=planned'; repeatable.",
            metavar="LOSS",
            show_default=False,
        ),
    ] = None,
    allowed_by: Annotated[
        str | None,
        typer.Option("--allowed-by", help="Who allows it; the report says so.", metavar="NAME"),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option(
            "--wait",
            help="Longest time for things to settle and stay good, such as 10m; 0 looks once. "
            "Default: the policy's gate.wait_at_most.",
            metavar="DURATION",
        ),
    ] = None,
    watch: options.Watch = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            help="Judge a stored report again (a report, or the output of `run -o json`) and "
            "nothing else.",
            metavar="FILE",
        ),
    ] = None,
    policy: options.Policy = None,
    profile: options.Profile = None,
    assignments: options.Settings = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    prometheus: options.Prometheus = None,
    alertmanager: options.Alertmanager = None,
    output: options.OutputFormat = options.Output.TEXT,
    debug: options.Debug = False,
) -> None:
    """Judge by the cluster and its alerts whether an incident is over.

    Exit codes: 0 pass, 3 fail, 4 unknown, 5 pending when the wait was over. With --watch: 0 when
    the pass held for so long, 3 at the first regression.
    """
    del debug
    # The clients take half a second to import; `--help` must not.
    from guardrails.cli.allowances import allowances  # noqa: PLC0415
    from guardrails.cli.diagnoses import diagnosis_of  # noqa: PLC0415
    from guardrails.cli.incidents import read_incident  # noqa: PLC0415
    from guardrails.cli.settings import read_settings  # noqa: PLC0415
    from guardrails.cli.sources import SourceOptions  # noqa: PLC0415
    from guardrails.cli.verifying import (  # noqa: PLC0415
        VerifyRequest,
        judge_now,
        replay_file,
    )
    from guardrails.core.clock import SystemClock  # noqa: PLC0415

    if replay is not None:
        if watch is not None:
            raise UsageError("--replay judges what is stored; leave out --watch")
        raise typer.Exit(replay_file(replay, output=output))
    if incident is None and alert_payload is None and not namespace:
        raise UsageError(
            "nothing says what to judge; give --incident FILE, --alert-payload FILE or -n NAMESPACE"
        )
    settings = read_settings(
        policy=policy,
        profile=profile,
        model="",
        assignments=assignments or (),
        shadow=False,
        wait=wait,
        watch=watch,
    )
    if claim is None and claim_file is not None:
        claim = Claimed.DIAGNOSED
    goal = None if claim is None else _GOALS[claim]
    found = read_incident(
        file=incident,
        payload=alert_payload,
        task=None,
        goal=goal,
        namespaces=tuple(namespace or ()),
        needs_task=False,
    )
    request = VerifyRequest(
        incident=found,
        settings=settings,
        sources=SourceOptions(
            kubeconfig=kubeconfig,
            context=context,
            prometheus=prometheus,
            alertmanager=alertmanager,
        ),
        baseline=tuple(baseline or ()),
        manifests=tuple(reference or ()),
        claim=diagnosis_of(entity or (), claim_file),
        watches=watch is not None,
        allowances=allowances(allow or (), by=allowed_by, at=SystemClock().now()),
    )
    raise typer.Exit(judge_now(request, output=output))


_GOALS = {Claimed.MITIGATED: Goal.MITIGATION, Claimed.DIAGNOSED: Goal.DIAGNOSIS}
