"""Checks and gates that other distributions install, and what is asked of them."""

from collections.abc import Callable, Sequence
from typing import cast

from guardrails.gates.base import Gate
from guardrails.gates.checks import Check
from guardrails.gates.custom.build import PREFIX
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.policy.models import GateSettings
from guardrails.policy.plugins import Plugin, named

CHECKS = "guarded_agent.checks"
"""Entry points of this group name a `Check`, or several in a list or tuple."""

GATES = "guarded_agent.gates"
"""Entry points of this group name a function `(GateSettings) -> Gate`."""

MakeGate = Callable[[GateSettings], Gate]


def checks_in(plugin: Plugin) -> tuple[Check, ...]:
    """Load a plugin's checks.

    Raises:
        PluginError: It brings something else, or a check that cannot stand beside ours.
    """
    loaded = plugin.load()
    many = isinstance(loaded, (list, tuple))
    given: Sequence[object] = cast("Sequence[object]", loaded) if many else (loaded,)
    checks = tuple(check for check in given if isinstance(check, Check))
    if not checks or len(checks) != len(given):
        raise plugin.broken(f"it is {type(loaded).__name__}, and not a Check or a tuple of them")
    ours = {check.id for check in DEFAULT_CHECKS}
    for check in checks:
        if check.id in ours or check.id.startswith(PREFIX):
            raise plugin.broken(f"the id {check.id} is taken; give the check another")
        if unread := [kind for kind in check.lists if kind not in RESOURCES]:
            raise plugin.broken(
                f"check {check.id} reads the list {unread[0]}, which is not known; ask for it "
                f"with `objects`"
            )
    return checks


def gate_of(plugin: Plugin, settings: GateSettings) -> Gate:
    """Load a plugin's gate.

    Raises:
        PluginError: It is no function, or the function gives no gate.
    """
    make = plugin.load()
    if not callable(make):
        raise plugin.broken(f"it is {type(make).__name__}, and not a function (settings) -> gate")
    try:
        made = cast("Callable[[GateSettings], object]", make)(settings)
    except Exception as error:
        raise plugin.broken(f"{type(error).__name__}: {error}") from error
    if not callable(getattr(made, "open", None)) or not getattr(made, "name", ""):
        raise plugin.broken(f"what it makes ({type(made).__name__}) has no `open` or no `name`")
    return cast("Gate", made)


def extra_gates(settings: GateSettings) -> tuple[Gate, ...]:
    """Return the gates that the settings name.

    Raises:
        PolicyError: One is not installed.
        PluginError: One is broken.
    """
    plugins = named(GATES, settings.extra_gates, key="gate.extra_gates")
    return tuple(gate_of(plugin, settings) for plugin in plugins)
