"""Checks and gates that other distributions install, found by entry point.

Finding reads metadata only. Code of a plugin is loaded when a policy names it (or a person asks
for the list), so one that is merely installed costs nothing and decides nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from guardrails.errors import PluginError, PolicyError
from guardrails.gates.base import Gate
from guardrails.gates.checks import Check
from guardrails.gates.custom.build import PREFIX
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.policy.models import GateSettings
from guardrails.policy.problems import did_you_mean

CHECKS = "guarded_agent.checks"
"""Entry points of this group name a `Check`, or several in a list or tuple."""

GATES = "guarded_agent.gates"
"""Entry points of this group name a function `(GateSettings) -> Gate`."""

MakeGate = Callable[[GateSettings], Gate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One entry point, not loaded."""

    point: EntryPoint

    @property
    def name(self) -> str:
        """What a policy names it by."""
        return self.point.name

    @property
    def origin(self) -> str:
        """The distribution that installed it, with its version."""
        found = self.point.dist
        return f"{found.name} {found.version}" if found is not None else "an unknown distribution"

    def load(self) -> object:
        """Import it.

        Raises:
            PluginError: It cannot be imported, for whatever reason.
        """
        try:
            return cast("object", self.point.load())
        except Exception as error:
            raise self.broken(f"{type(error).__name__}: {error}") from error

    def broken(self, why: str) -> PluginError:
        """Return the error that names the plugin, its distribution and the way out."""
        return PluginError(
            f"entry point {self.name} = {self.point.value} of {self.origin} (group "
            f"{self.point.group}) cannot be used: {why}; mend or uninstall it, or take it out of "
            f"the policy"
        )


def installed(group: str) -> tuple[Plugin, ...]:
    """Return the entry points of a group, by name; nothing of them is loaded."""
    found = (Plugin(point=point) for point in entry_points(group=group))
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.origin)))


def named(group: str, names: Iterable[str], *, key: str) -> tuple[Plugin, ...]:
    """Return the plugins that a policy names.

    Args:
        group: The group to look in.
        names: Names of entry points.
        key: The policy's key, for errors.

    Raises:
        PolicyError: None is installed under a name, or more than one.
    """
    known = installed(group)
    chosen: list[Plugin] = []
    for name in dict.fromkeys(names):
        found = [plugin for plugin in known if plugin.name == name]
        if not found:
            hint = did_you_mean(name, [plugin.name for plugin in known])
            raise PolicyError(f"{key}: no installed package brings {name!r} ({group}); {hint}")
        if len(found) > 1:
            origins = " and ".join(plugin.origin for plugin in found)
            raise PolicyError(f"{key}: {name!r} is brought by {origins}; uninstall one")
        chosen += found
    return tuple(chosen)


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
