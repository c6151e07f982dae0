"""`guarded-agent serve`: the guard as a service beside agents, with a decision API and a proxy."""

from pathlib import Path
from typing import Annotated

import typer

from guardrails.cli import options

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings file, see docs/reference/serve.md; options win over it.",
        metavar="FILE",
        envvar="GUARDED_AGENT_CONFIG",
        show_default=False,
    ),
]


def serve(  # noqa: PLR0913  # one parameter per option
    *,
    config: Config = None,
    host: Annotated[
        str | None,
        typer.Option("--host", help="Address to listen on; the loopback by default."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", help="Port; 0 lets the system choose.", min=0, max=65_535),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            help="Where runs are kept: memory:, sqlite:PATH, redis://HOST, postgresql://HOST/NAME.",
            metavar="URL",
        ),
    ] = None,
    store_file: Annotated[
        Path | None,
        typer.Option(
            "--store-file",
            help="File that holds this URL, for one with a password.",
            metavar="FILE",
            envvar="GUARDED_AGENT_STORE_FILE",
            show_default=False,
        ),
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            "--tokens",
            help="File or folder of tokens, lines name:role:token; asks every caller for one.",
            metavar="FILE|DIR",
            envvar="GUARDED_AGENT_TOKENS_FILE",
            show_default=False,
        ),
    ] = None,
    namespace: options.Namespaces = None,
    policy: options.Policy = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    prometheus: options.Prometheus = None,
    alertmanager: options.Alertmanager = None,
    baseline: options.Baseline = None,
    reference: options.Manifests = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Listen beyond the loopback although nobody is asked."),
    ] = False,
    allow_write_identity: Annotated[
        bool,
        typer.Option(
            "--allow-write-identity",
            help="Start although the guard's own identity may change the cluster.",
        ),
    ] = False,
    print_config_schema: Annotated[
        bool,
        typer.Option("--print-config-schema", help="Print the JSON Schema of the file, and leave."),
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Serve decisions over HTTP until a signal.

    One line on standard output says where, once requests are answered; logs are JSON lines on
    standard error.
    """
    del debug
    # The service loads what `--help` must not wait for.
    import msgspec  # noqa: PLC0415

    from guardrails.sidecar.configfile import read_serve_settings, serve_schema  # noqa: PLC0415

    if print_config_schema:
        typer.echo(msgspec.json.format(msgspec.json.encode(serve_schema()), indent=2).decode())
        return
    from guardrails.cli.serving import serve_now  # noqa: PLC0415

    given: dict[str, object] = {
        "listen.host": host,
        "listen.port": port,
        "listen.insecure": insecure or None,
        "store.url": store,
        "store.url_file": store_file,
        "auth.mode": "tokens" if tokens is not None else None,
        "auth.tokens": tokens,
        "scope.namespaces": tuple(namespace) if namespace else None,
        "scope.allow_write_identity": allow_write_identity or None,
        "policies.file": policy,
        "sources.kubeconfig": kubeconfig,
        "sources.context": context,
        "sources.prometheus": prometheus,
        "sources.alertmanager": alertmanager,
        "sources.baselines": tuple(baseline) if baseline else None,
        "sources.manifests": tuple(reference) if reference else None,
    }
    raise typer.Exit(serve_now(read_serve_settings(config, given)))
