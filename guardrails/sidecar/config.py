"""What `guarded-agent serve` is told: its settings file as strict pydantic models.

Secrets are never in it, only the files that hold them, so that it may live in a ConfigMap and be
shown to anybody. What depends on several fields at once is checked in `configfile`, once the
command line's options are known as well.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt

from guardrails.policy.durations import PositiveSeconds, Seconds
from guardrails.policy.incidentfile import NamespaceName
from guardrails.policy.strict import Count, Strict
from guardrails.sidecar.auth.roles import Role
from guardrails.sidecar.proxy.settings import ProxySettings

Text = Annotated[str, Field(min_length=1)]
Port = Annotated[StrictInt, Field(ge=0, le=65_535)]


def _account(text: str) -> str:
    namespace, slash, name = text.partition("/")
    if not slash or not namespace or not name or "/" in name:
        raise ValueError(f"{text!r} is no ServiceAccount; write namespace/name, or namespace/*")
    return text


class ListenSettings(Strict):
    """Where the service is reached."""

    host: Text = "127.0.0.1"
    """Address to bind. Anything but the loopback needs `auth`, because whoever reaches the service
    can end runs."""
    port: Port = 8321
    """0 lets the system choose; the line on standard output says which."""
    tls_certificate: Path | None = None
    """PEM file of the certificate and its chain; None serves plain HTTP. Read again when it
    changes, as a mounted Secret does; connections that are open go on."""
    tls_key: Path | None = None
    """PEM file of its key, without a password."""
    insecure: StrictBool = False
    """Bind beyond the loopback without `auth`, for networks that nobody else is in."""
    linger: Seconds = 0.0
    """How long after SIGTERM new requests are still taken, while `/readyz` says no already. A few
    seconds where a load balancer must notice first, as a Service of Kubernetes is."""
    drain: Seconds = 20.0
    """How long requests under way may take then. Kubernetes kills 30 s after SIGTERM by default:
    stay below that with both together."""
    head_timeout: PositiveSeconds = 10.0
    """How long the head of a request may take to come; a client that drips is hung up on."""


class StoreSettings(Strict):
    """Where runs are kept."""

    url: Text | None = None
    """`memory:`, `sqlite:PATH`, `redis://HOST`, `postgresql://HOST/NAME`; None takes
    `sqlite:guarded-agent.db`."""
    url_file: Path | None = None
    """A file that holds the URL, where there is a password in it."""
    live: Count = 1_024
    """Runs held in memory besides the store; one takes up to 2 MB at 10,000 steps, and 0.1 MB as
    a rule."""


class PolicySettings(Strict):
    """What runs are decided by."""

    file: Path | None = None
    """The usual policy file; None takes the shipped profiles."""
    directory: Path | None = None
    """Policies that a session may name: `NAME.yaml` is `NAME`. Callers choose among these, and can
    bring none of their own."""


class SourceSettings(Strict):
    """Where the evidence comes from."""

    kubeconfig: Path | None = None
    """None takes `KUBECONFIG`, `~/.kube/config`, or the pod's own service account."""
    context: Text | None = None
    """None takes the current one."""
    prometheus: Text | None = None
    """URL. Without it no run ends `resolved`, unless the policy says so."""
    alertmanager: Text | None = None
    """URL. Without it silences are not seen."""
    manifests: tuple[Path, ...] = ()
    """Declared manifests, for where no snapshot was recorded."""
    baselines: tuple[Path, ...] = ()
    """Recorded snapshots besides those of `reference`: files, and folders of them."""


class ScopeSettings(Strict):
    """What the service looks at."""

    namespaces: tuple[NamespaceName, ...] = ()
    """Namespaces whose rights are checked at the start, and which `reference` records. Empty takes
    that of the context; incidents may name others, as far as the rights go."""
    allow_write_identity: StrictBool = False
    """Start although the identity may change something in the cluster. A guard that may write is
    worth stealing."""


class AccountRole(Strict):
    """Whom TokenReview names, and what they may do here."""

    account: Annotated[str, AfterValidator(_account)] | None = None
    """A ServiceAccount: `namespace/name`, or `namespace/*`."""
    user: Text | None = None
    """A user's name, as the cluster knows it."""
    group: Text | None = None
    """A group that the user is in."""
    role: Role
    """`agent`, `viewer` or `operator`."""


class AuthSettings(Strict):
    """Who may ask what."""

    mode: Literal["none", "tokens", "tokenreview"] = "none"
    """`none` on the loopback only; `tokens` from files; `tokenreview` asks the cluster whose token
    it is."""
    tokens: Path | None = None
    """File of lines `name:role:token`, or a folder of such files (a mounted Secret). Read again
    when it changes; old and new tokens are good as long as both are in it."""
    audiences: tuple[Text, ...] = ()
    """With `tokenreview`: audiences that a token must be for; empty takes the API server's own.
    One of our own keeps a token for the guard from being good for the cluster."""
    accounts: tuple[AccountRole, ...] = ()
    """With `tokenreview`: who has which role; the first that fits counts. Others get 403."""
    cache_for: Seconds = 60.0
    """How long an answer of TokenReview is believed: so long a deleted account goes on."""
    deny_for: Seconds = 5.0
    """How long a refusal is, so that a wrong token does not reach the API server each time."""
    timeout: PositiveSeconds = 5.0
    """Limit of one TokenReview; then the answer is 503."""
    open_metrics: StrictBool = True
    """Whether `/metrics` needs no token. It holds counts, and nothing that a run said."""


class LimitSettings(Strict):
    """What one caller may take. None sets no limit."""

    body_bytes: Count = 8 * 1024 * 1024
    """Longest request. A conversation of 200,000 tokens is about 1 MB of JSON."""
    body_timeout: PositiveSeconds = 30.0
    """How long a request's body may take to come; a client that drips holds nothing for longer."""
    requests_per_second: Count | None = 500
    """Requests of one caller, on average."""
    burst: Count = 1_000
    """Requests of one caller at once, after a pause."""
    concurrent: Count | None = 1_024
    """Requests at work at the same time; waiting ends and streams count."""
    concurrent_per_caller: Count | None = 256
    """The same of one caller."""
    sessions: Count | None = 10_000
    """Open sessions in all."""
    sessions_per_caller: Count | None = 1_000
    """Open sessions of one caller."""


class RetentionSettings(Strict):
    """How long runs are kept."""

    ended: PositiveSeconds = 7 * 86_400.0
    """After its end a run can be read for so long: the review of an incident is within a week."""
    open: PositiveSeconds = 86_400.0
    """An open run that nothing happened to for so long ends `aborted`, and is kept as any other:
    its agent has died."""
    every: PositiveSeconds = 300.0
    """How often is looked for such runs."""


class KeepSettings(Strict):
    """How much of the reference stays; as `baseline record --keep` has it."""

    all: Seconds = 6 * 3600.0
    """Age up to which every snapshot stays."""
    hourly: Seconds = 2 * 86_400.0
    """Age up to which one an hour stays."""
    daily: Seconds = 14 * 86_400.0
    """Age up to which one a day stays."""
    bytes: Count = 256 * 1024 * 1024
    """All files together. The newest healthy one stays whatever its size."""


class ReferenceSettings(Strict):
    """The continuous picture of what healthy looks like."""

    folder: Path | None = None
    """Where snapshots go; None records none. Each set of namespaces gets a folder in it."""
    every: PositiveSeconds = 300.0
    """Pause between two looks: the time that rules about workloads wait before they fire."""
    keep: KeepSettings = KeepSettings()
    """How much stays."""


class UiSettings(Strict):
    """The pages under `/ui`: runs under way, and questions that people answer there."""

    enabled: StrictBool = True
    """They show what the API does, to who may read it there."""
    signed_in_for: PositiveSeconds = 8 * 3600.0
    """How long a sign-in is good: a shift. Its token is asked about all the time, and ends it
    sooner when it is taken back."""
    behind_tls: StrictBool = False
    """Whether TLS ends at a proxy in front of the service. The cookie of a sign-in is marked
    `Secure` then, as it is when the service has a certificate itself."""


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class TelemetrySettings(Strict):
    """What the service tells of itself."""

    log_level: LogLevel = LogLevel.INFO
    """Of the JSON lines on standard error. At `debug` every allowed call has a line."""
    metrics: StrictBool = True
    """Prometheus metrics under `/metrics`."""
    opentelemetry: StrictBool = False
    """Spans and events by OpenTelemetry's API (`pip install 'guarded-agent[otel]'`). The SDK is set
    up by its own environment variables, under `opentelemetry-instrument`."""
    check_timeout: PositiveSeconds = 5.0
    """Limit of one check of `/readyz`."""
    check_every: PositiveSeconds = 10.0
    """How long the answer of `/readyz` is believed."""


class ServeSettings(Strict):
    """All of it."""

    listen: ListenSettings = ListenSettings()
    store: StoreSettings = StoreSettings()
    policies: PolicySettings = PolicySettings()
    sources: SourceSettings = SourceSettings()
    scope: ScopeSettings = ScopeSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
    reference: ReferenceSettings = ReferenceSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    proxy: ProxySettings = ProxySettings()
    ui: UiSettings = UiSettings()
