"""`guarded-agent doctor`: whether the guard can read what it needs, and which right is missing."""

import contextlib
from typing import Annotated

import typer

from guardrails.cli import options
from guardrails.cli.exits import ExitCode


def doctor(
    *,
    namespace: options.Namespaces = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    prometheus: options.Prometheus = None,
    alertmanager: options.Alertmanager = None,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Seconds for one request.", min=0.1)
    ] = 5.0,
    output: options.OutputFormat = options.Output.TEXT,
    debug: options.Debug = False,
) -> None:
    """Check every source of evidence; each missing right is named with the rule that grants it.

    Exits 0 when everything needed can be read, 7 when something cannot.
    """
    del debug
    # The clients take half a second to import; `--help` must not.
    import asyncio  # noqa: PLC0415

    from guardrails.cli.output import encode  # noqa: PLC0415
    from guardrails.cli.sources import SourceOptions, open_sources  # noqa: PLC0415
    from guardrails.cli.stdout import put  # noqa: PLC0415
    from guardrails.cli.symptoms import Diagnosis, examine, grants  # noqa: PLC0415
    from guardrails.engine.scrub import scrubbed  # noqa: PLC0415
    from guardrails.policy.scope import check_namespaces  # noqa: PLC0415

    chosen = SourceOptions(
        kubeconfig=kubeconfig, context=context, prometheus=prometheus, alertmanager=alertmanager
    )
    with contextlib.closing(open_sources(chosen, timeout_seconds=timeout)) as opened:
        namespaces = check_namespaces(tuple(namespace or ())) or (
            opened.cluster.namespace or "default",
        )
        symptoms = asyncio.run(examine(opened, namespaces))
    symptoms = [scrubbed(symptom) for symptom in symptoms]
    diagnosis = Diagnosis(well=all(s.well for s in symptoms), checks=tuple(symptoms))
    if output is options.Output.JSON:
        put(encode(diagnosis))
    else:
        for symptom in symptoms:
            typer.echo(symptom.line())
        rules = grants(symptoms)
        if rules:
            typer.echo("\nA Role in each namespace named above needs:\n" + rules)
    if not diagnosis.well:
        raise typer.Exit(ExitCode.SOURCE)
