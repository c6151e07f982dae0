"""`guarded-agent run`: an agent works an incident, and its end is accepted on evidence only."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from guardrails.cli import options
from guardrails.core.incident import Goal
from guardrails.errors import UsageError

ENV_URL = "GUARDED_AGENT_URL"
"""Said again in the client, which takes too long to load for `--help`."""


def run(  # noqa: PLR0913  # one parameter per option
    ctx: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            help="The agent: module:attribute, file.py:attribute or a name in langgraph.json. "
            "With --demo: the scenario.",
            metavar="TARGET",
            show_default=False,
        ),
    ] = None,
    *,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="Run a scripted agent on a simulated cluster; needs nothing installed. "
            "`--demo list` names the scenarios.",
        ),
    ] = False,
    task: Annotated[
        str | None, typer.Option("--task", help="What the agent is told.", metavar="TEXT")
    ] = None,
    goal: Annotated[
        Goal | None, typer.Option("--goal", help="mitigation (mend it) or diagnosis (name it).")
    ] = None,
    incident: options.IncidentFile = None,
    alert_payload: options.AlertPayload = None,
    namespace: options.Namespaces = None,
    policy: options.Policy = None,
    profile: options.Profile = None,
    assignments: options.Settings = None,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help="provider:name, as init_chat_model writes it; chooses the profile, and is given "
            "to a factory that takes `model`.",
            metavar="PROVIDER:NAME",
            envvar="GUARDED_AGENT_MODEL",
        ),
    ] = "",
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    prometheus: options.Prometheus = None,
    alertmanager: options.Alertmanager = None,
    baseline: options.Baseline = None,
    reference: options.Manifests = None,
    service: Annotated[
        str | None,
        typer.Option(
            "--service",
            help="URL of a service (`guarded-agent serve`) that guards the run, in place of this "
            "process; --policy is then the name of a policy that it has.",
            metavar="URL",
            envvar=ENV_URL,
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            help="With --service: file of the bearer token.",
            metavar="FILE",
            envvar="GUARDED_AGENT_TOKEN_FILE",
            show_default=False,
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file",
            help="With --service: certificates that its own is verified with.",
            metavar="FILE",
            envvar="GUARDED_AGENT_CA_FILE",
            show_default=False,
        ),
    ] = None,
    graph_input: Annotated[
        str | None,
        typer.Option(
            "--input",
            help="Input of a graph that takes no `messages`: a JSON object or a file of one.",
            metavar="JSON|FILE",
        ),
    ] = None,
    claim: Annotated[
        str | None,
        typer.Option(
            "--claim",
            help="Function (state) -> claim, for a graph without `messages`.",
            metavar="FILE.py:FUNC",
        ),
    ] = None,
    on_refusal: Annotated[
        str | None,
        typer.Option(
            "--on-refusal",
            help="Function (state, report, words) -> update, likewise.",
            metavar="FILE.py:FUNC",
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace", help="Append the run's trace (JSON lines) to this file.", metavar="FILE"
        ),
    ] = None,
    watch: options.Watch = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Decide and record everything, hold nothing back.")
    ] = False,
    output: options.OutputFormat = options.Output.TEXT,
    debug: options.Debug = False,
) -> None:
    """Run an agent under guard.

    Its end is accepted when Kubernetes and the alerts show what it claims; otherwise it is told
    the facts and goes on. The exit code says how the run ended.
    """
    del debug  # acted on by `run_cli`
    given = _given(ctx)
    # The run loads LangGraph, which takes seconds; `--help` must not.
    if demo:
        from guardrails.cli.demo import demo_plan, list_scenarios  # noqa: PLC0415

        if target == "list":
            list_scenarios()
            return
        refused = _beside_demo(
            task=task,
            incident=incident,
            alert_payload=alert_payload,
            namespace=namespace,
            baseline=baseline,
            reference=reference,
            service=service if given("service") else None,
        )
        if refused:
            raise UsageError(f"--demo brings its own cluster and agent; leave out {refused}")
        plan = demo_plan(
            target,
            policy=policy,
            assignments=assignments or (),
            shadow=shadow,
            trace=trace,
            watch=watch,
        )
    else:
        from guardrails.cli.plans import RunRequest, plan_run  # noqa: PLC0415

        if target is None:
            raise UsageError(
                "which agent? give TARGET as module:attribute, file.py:attribute or a name in "
                "langgraph.json, or try --demo"
            )
        request = RunRequest(
            target=target,
            task=task,
            goal=goal,
            incident=incident,
            alert_payload=alert_payload,
            namespaces=tuple(namespace or ()),
            policy=policy,
            profile=profile,
            assignments=tuple(assignments or ()),
            model=model,
            kubeconfig=kubeconfig,
            context=context,
            prometheus=prometheus,
            alertmanager=alertmanager,
            baseline=tuple(baseline or ()),
            manifests=tuple(reference or ()),
            graph_input=graph_input or "",
            claim=claim,
            on_refusal=on_refusal,
            trace=trace,
            shadow=shadow,
            watch=watch,
        )
        if service:
            from guardrails.cli.remote import plan_remote  # noqa: PLC0415
            from guardrails.sidecar.client import Endpoint  # noqa: PLC0415

            endpoint = Endpoint.of(service, token_file=token_file, ca_file=ca_file)
            plan = plan_remote(request, endpoint, given=given)
        else:
            plan = plan_run(request)
    from guardrails.cli.running import execute  # noqa: PLC0415

    raise typer.Exit(execute(plan, output=output))


def _given(ctx: typer.Context) -> Callable[[str], bool]:
    """Return what tells whether a parameter was given on the command line itself."""

    def given(name: str) -> bool:
        source = ctx.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"

    return given


def _beside_demo(**given: object) -> str:
    """Name the options that make no sense with `--demo`."""
    return ", ".join(f"--{name.replace('_', '-')}" for name, value in given.items() if value)
