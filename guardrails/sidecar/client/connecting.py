"""The choice between a guard in process and one of a service, by one setting."""

from collections.abc import Callable, Sequence

from guardrails.core.hooks import Hook
from guardrails.core.incident import Incident
from guardrails.engine import Guard
from guardrails.engine.guard import Ask
from guardrails.errors import UsageError
from guardrails.sidecar.client.endpoint import ENV_URL, Endpoint
from guardrails.sidecar.client.guard import RemoteGuard


def connect(
    *,
    local: Callable[[], Guard] | None = None,
    endpoint: Endpoint | None = None,
    incident: Incident | None = None,
    hooks: Sequence[Hook] = (),
    ask: Ask | None = None,
) -> Guard:
    """Return a guard by one setting: remote where `GUARDED_AGENT_URL` is set, else in process.

    Args:
        local: Makes the guard in process; called only if there is no service.
        endpoint: The service, in place of what the environment says.
        incident: For the remote guard, as in `RemoteGuard`.
        hooks: As `incident`.
        ask: As `incident`.

    Raises:
        UsageError: There is no service and no `local`, or a variable cannot be used.
    """
    found = endpoint or Endpoint.from_environment()
    if found is not None:
        return RemoteGuard(found, incident=incident, hooks=hooks, ask=ask)
    if local is None:
        raise UsageError(f"set {ENV_URL} to the URL of the guard, such as http://127.0.0.1:8787")
    return local()
