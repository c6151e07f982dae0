"""What other distributions install, found by entry point: checks, gates, detectors.

Finding reads metadata only. Code of a plugin is loaded when a policy names it (or a person asks
for the list), so one that is merely installed costs nothing and decides nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from guardrails.errors import PluginError, PolicyError
from guardrails.policy.problems import did_you_mean


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
