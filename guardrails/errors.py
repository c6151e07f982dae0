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
    ├── RunEndedError             the run has its outcome; nothing more may happen in it
    └── InternalError             a bug of ours; says how to report it
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


class RunEndedError(GuardrailsError):
    """The run already has its outcome."""


class InternalError(GuardrailsError):
    """A bug of ours."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}. This is a bug in guarded-agent: please open an issue with the trace file."
        )
