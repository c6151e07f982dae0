"""Which checks a gate runs: those it was given, less what the policy skips, more what it adds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from guardrails.core.evidence import Evidence, SourceRef
from guardrails.core.ids import CheckId
from guardrails.errors import PolicyError
from guardrails.gates.checks import Check, Witness, aside
from guardrails.gates.custom.build import custom_checks
from guardrails.gates.kubernetes.customs import custom_checks as resource_checks
from guardrails.gates.plugins import CHECKS, checks_in
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.policy.models import GateSettings
from guardrails.policy.plugins import named
from guardrails.policy.problems import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is run, and what the policy keeps from being run."""

    checks: tuple[Check, ...]
    skipped: tuple[CheckId, ...] = ()


def chosen(given: Sequence[Check], settings: GateSettings) -> Choice:
    """Apply a policy to the checks that a gate was given.

    Raises:
        PolicyError: It skips a check that is not there, names a plugin that is not installed, or a
            custom resource wrongly.
        PluginError: A plugin that it names is broken.
    """
    plugins = named(CHECKS, settings.extra_checks, key="gate.extra_checks")
    extra = [check for plugin in plugins for check in checks_in(plugin)]
    _refuse_twins(extra)
    known = {check.id for check in (*given, *DEFAULT_CHECKS, *extra)}
    skipped = tuple(CheckId(name) for name in dict.fromkeys(settings.skip_checks))
    for name in skipped:
        if name not in known:
            raise PolicyError(
                f"gate.skip_checks: no check is called {name!r}; {did_you_mean(name, known)}"
            )
    resources = resource_checks(settings.custom_resources)
    run = (*given, *extra, *custom_checks(settings.custom), *resources)
    return Choice(checks=tuple(c for c in run if c.id not in skipped), skipped=skipped)


def not_run(skipped: Iterable[CheckId], at: datetime) -> list[Evidence]:
    """Name in a report what the policy kept from being run; it counts for and against nothing."""
    source = SourceRef(source="policy", detail="gate.skip_checks")
    return [
        aside(Witness(check=check, at=at).unknown(source, observed="not run: the policy skips it"))
        for check in skipped
    ]


def _refuse_twins(checks: Iterable[Check]) -> None:
    seen: set[CheckId] = set()
    for check in checks:
        if check.id in seen:
            raise PolicyError(f"gate.extra_checks: two checks have the id {check.id!r}")
        seen.add(check.id)
