"""Detectors that other distributions install, and what is asked of them."""

from collections.abc import Sequence
from typing import Any, Final, cast

from guardrails.detectors.base import Detector
from guardrails.policy.models import DetectorSettings
from guardrails.policy.plugins import Plugin, named

DETECTORS: Final = "guarded_agent.detectors"
"""Entry points of this group name a `Detector`, or several in a list or tuple."""

Extra = Detector[Any]

_MEMBERS = ("name", "modes", "begin", "observe")


def extra_detectors(settings: DetectorSettings) -> tuple[Extra, ...]:
    """Return the detectors that the settings name.

    Raises:
        PolicyError: One is not installed.
        PluginError: One is broken.
    """
    plugins = named(DETECTORS, settings.extra, key="detectors.extra")
    return tuple(detector for plugin in plugins for detector in _of(plugin))


def _of(plugin: Plugin) -> Sequence[Extra]:
    loaded = plugin.load()
    many = isinstance(loaded, (list, tuple))
    given = cast("Sequence[object]", loaded) if many else (loaded,)
    for one in given:
        missing = [member for member in _MEMBERS if not hasattr(one, member)]
        if isinstance(one, type) or missing:
            lacks = f" without {missing[0]}" if missing else " and no instance"
            raise plugin.broken(f"it is {type(one).__name__}{lacks}, and not a Detector")
    return cast("Sequence[Extra]", given)
