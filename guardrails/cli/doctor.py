"""`guarded-agent doctor`: whether the guard can read what it needs, and which right is missing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli import options
from guardrails.cli.exits import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guardrails.cli.sources import SourceOptions
    from guardrails.cli.symptoms import Symptom


def doctor(
    *,
    namespace: options.Namespaces = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    prometheus: options.Prometheus = None,
    alertmanager: options.Alertmanager = None,
    serve: Annotated[
        Path | None,
        typer.Option(
            "--serve",
            help="Settings file of `serve`: looks at all that the service would need.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
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
    from guardrails.cli.output import encode  # noqa: PLC0415
    from guardrails.cli.stdout import put  # noqa: PLC0415
    from guardrails.cli.symptoms import Diagnosis, grants  # noqa: PLC0415
    from guardrails.engine.scrub import scrubbed  # noqa: PLC0415

    names = tuple(namespace or ())
    if serve is not None:
        from guardrails.cli.servedoctor import examine_service  # noqa: PLC0415  # as above

        options_over_file: dict[str, object] = {
            "scope.namespaces": names or None,
            "sources.kubeconfig": kubeconfig,
            "sources.context": context,
            "sources.prometheus": prometheus,
            "sources.alertmanager": alertmanager,
        }
        symptoms = examine_service(serve, options_over_file)
    else:
        from guardrails.cli.sources import SourceOptions  # noqa: PLC0415  # as above

        chosen = SourceOptions(
            kubeconfig=kubeconfig, context=context, prometheus=prometheus, alertmanager=alertmanager
        )
        symptoms = _of_sources(chosen, names, timeout)
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


def _of_sources(
    chosen: "SourceOptions", namespaces: "Sequence[str]", timeout: float
) -> "list[Symptom]":
    import asyncio  # noqa: PLC0415  # as above
    import contextlib  # noqa: PLC0415  # as above

    from guardrails.cli.sources import open_sources  # noqa: PLC0415  # as above
    from guardrails.cli.symptoms import examine  # noqa: PLC0415  # as above
    from guardrails.policy.scope import check_namespaces  # noqa: PLC0415  # as above

    with contextlib.closing(open_sources(chosen, timeout_seconds=timeout)) as opened:
        scope = check_namespaces(namespaces) or (opened.cluster.namespace or "default",)
        return asyncio.run(examine(opened, scope))
