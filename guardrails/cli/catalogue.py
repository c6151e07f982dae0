"""Every check and gate that this installation has, with the state that a policy gives it."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from guardrails.errors import PluginError
from guardrails.gates.checks import Check
from guardrails.gates.custom.build import custom_checks
from guardrails.gates.plugins import CHECKS, GATES, checks_in
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.policy.models import GateSettings
from guardrails.policy.plugins import Plugin, installed

State = Literal["on", "off", "skipped"]

OURS = "guarded-agent"
"""Origin of the checks of this package."""

WRITTEN = "policy"
"""Origin of the checks that a policy holds."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One check or gate."""

    name: str
    """Its id; the entry point's name for a gate, and for a check that cannot be loaded."""
    state: State
    tier: str = ""
    reads: tuple[str, ...] = ()
    origin: str
    plugin: str = ""
    """Name of its entry point: what `gate.extra_checks` and `gate.extra_gates` take."""
    broken: str = ""
    """Why it cannot be loaded."""


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is."""

    checks: tuple[Row, ...]
    gates: tuple[Row, ...]


def catalogue(settings: GateSettings) -> Catalogue:
    """Return all checks (ours, those of the policy, those of others) and the gates of others."""
    skipped = frozenset(settings.skip_checks)
    rows = [
        *(_row(check, OURS, "on", skipped) for check in DEFAULT_CHECKS),
        *(_row(check, WRITTEN, "on", skipped) for check in custom_checks(settings.custom)),
    ]
    for plugin in installed(CHECKS):
        rows += _checks_of(plugin, settings.extra_checks, skipped)
    gates = [
        Row(
            name=plugin.name,
            state="on" if plugin.name in settings.extra_gates else "off",
            origin=plugin.origin,
            plugin=plugin.name,
        )
        for plugin in installed(GATES)
    ]
    return Catalogue(checks=tuple(rows), gates=tuple(gates))


def _checks_of(plugin: Plugin, named: Iterable[str], skipped: frozenset[str]) -> list[Row]:
    state: State = "on" if plugin.name in set(named) else "off"
    try:
        checks = checks_in(plugin)
    except PluginError as error:
        broken = Row(
            name=plugin.name,
            state=state,
            origin=plugin.origin,
            plugin=plugin.name,
            broken=" ".join(str(error).split()),
        )
        return [broken]
    return [_row(check, plugin.origin, state, skipped, plugin=plugin.name) for check in checks]


def _row(
    check: Check, origin: str, state: State, skipped: frozenset[str], *, plugin: str = ""
) -> Row:
    return Row(
        name=check.id,
        state="skipped" if check.id in skipped else state,
        tier=check.tier,
        reads=reads_of(check),
        origin=origin,
        plugin=plugin,
    )


def reads_of(check: Check) -> tuple[str, ...]:
    """Name what a check reads, in the order in which rights are granted: lists, then the rest."""
    sources = (
        *(["Prometheus"] if check.needs_prometheus or check.queries else []),
        *(["Alertmanager"] if check.needs_alertmanager else []),
    )
    return (
        *check.lists,
        *(str(question) for question in check.objects),
        *sources,
        *(question.url for question in check.http),
    )
