"""Every exception that the package raises on purpose.

::

    GuardrailsError
    ├── InstallationConflict      guardrails-ai shares our import name
    ├── UsageError                the caller asked for something that cannot be done
    │   ├── TargetError           TARGET names no graph
    │   ├── PolicyError           the policy file is wrong (file:line)
    │   ├── IncidentError         the incident file or alert payload is wrong
    │   ├── BaselineError         a baseline file cannot be used
    │   ├── ClaimError            a claim file names nothing that could be looked up
    │   ├── PluginError           an installed check or gate of others is broken
    │   └── TraceError            a trace or report file cannot be read
    ├── SourceError               a source of evidence did not answer
    │   ├── PermanentSourceError  asking again will not help (401, 403, wrong context)
    │   └── TemporarySourceError  asking again may help (timeout, 429, 5xx, broken body)
    ├── StoreError                the store of runs cannot be used now
    ├── ConflictError             somebody else wrote to a stored run
    ├── ServiceError              the guard's service did not do what a client asked
    │   ├── UnreachableError      asking again may help: no connection, a timeout, 429, 503
    │   ├── DeniedError           the token is wrong, or its role may not do this (401, 403)
    │   ├── RefusedError          it does not take what it was sent (400, 409, 413, 422)
    │   └── LostRunError          it does not have the run, or not all of it
    ├── RunEndedError             the run has its outcome; nothing more may happen in it
    └── InternalError             a bug of ours; says how to report it

Errors of `guarded-agent serve` live beside what raises them, and each is one of the above::

    UsageError
    ├── SettingsError             its settings file or an option is wrong (file:line)
    ├── StoreUrlError             the URL of its store is none
    ├── TokensError               a file of tokens cannot be used (file:line)
    ├── UnknownRunError           a request names no run
    ├── GapError                  a fact came before the one that it follows
    └── TooManySessionsError      a session has to wait for another one to end

    ConflictError
    └── LostRecordsError          the store came back without records that it had

    GuardrailsError
    ├── NotReadyError             something that judging needs is not there now
    ├── WireError                 a body is not what its format says
    ├── ProxyError                a request to a model cannot be answered
    │   └── ServerError           the models' server broke off, or was too slow
    ├── RefusedError              the models' server answered with an error of its own
    └── AbandonedError            nobody waits for a model's answer any more
"""


class GuardrailsError(Exception):
    """Base of every error raised by this package."""


class InstallationConflict(GuardrailsError):  # noqa: N818  # the name that DESIGN and docs use
    """Another distribution installs the import name `guardrails` too."""


class UsageError(GuardrailsError):
    """The caller asked for something that cannot be done as asked."""


class TargetError(UsageError):
    """TARGET does not name a graph that can be guarded."""


class PolicyError(UsageError):
    """A policy file is wrong; the message names file and line."""


class IncidentError(UsageError):
    """An incident file or an alert payload is wrong."""


class BaselineError(UsageError):
    """A baseline file cannot be used as a reference."""


class PluginError(UsageError):
    """An installed check or gate cannot be used; the message names its distribution."""


class ClaimError(UsageError):
    """A file that should hold a diagnosis cannot be read as one."""


class TraceError(UsageError):
    """A stored trace or report cannot be read."""


class SourceError(GuardrailsError):
    """A source of evidence (Kubernetes, Prometheus, Alertmanager) did not answer."""


class PermanentSourceError(SourceError):
    """Asking again will not help: 401, 403, an unknown context, a bad URL."""


class TemporarySourceError(SourceError):
    """Asking again may help: a timeout, 429, 5xx, a truncated body."""


class StoreError(GuardrailsError):
    """The store cannot be used now: not reached, full, or broken.

    Nothing was written, except where a network broke while a write was answered: then it may have
    been. Whoever reads the run again before they write again is safe either way.
    """


class ConflictError(GuardrailsError):
    """Somebody else wrote to the run. What they wrote has to be read first."""


class ServiceError(GuardrailsError):
    """The service did not do what it was asked."""


class UnreachableError(ServiceError):
    """The service cannot be reached now, or cannot answer now.

    Args:
        what: One line for a person.
        after: Seconds after which the service wants to be asked again, if it said so.
    """

    def __init__(self, what: str, *, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class DeniedError(ServiceError):
    """The service does not accept the token, or not for this."""


class RefusedError(ServiceError):
    """The service does not take what it was sent.

    Args:
        what: One line for a person.
        status: HTTP status.
        expected: The number of the fact that is next, where another one was stated.
    """

    def __init__(self, what: str, *, status: int, expected: int | None = None) -> None:
        super().__init__(what)
        self.status = status
        self.expected = expected


class LostRunError(ServiceError):
    """The service does not have the run, or has lost facts of it."""


class RunEndedError(GuardrailsError):
    """The run already has its outcome."""


class InternalError(GuardrailsError):
    """A bug of ours."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}. This is a bug in guarded-agent: please open an issue with the trace file."
        )
