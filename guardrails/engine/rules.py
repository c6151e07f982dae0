"""What the fold decides by: the settings of a run, prepared once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from guardrails.actions.rules import FINISH_TOOLS, SHELL_TOOLS, ToolRules
from guardrails.core.incident import Goal
from guardrails.engine.extras import Extra, extra_detectors
from guardrails.fsm.load import machine_for, machine_of_text, named_machine
from guardrails.fsm.machine import Machine
from guardrails.policy.models import FsmSettings, Settings
from guardrails.policy.tightened import tightened


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Settings and the machines that they name."""

    settings: Settings
    tool_rules: ToolRules
    mitigation: Machine | None = None
    """What ends a run that must mend something; None leaves ends to the gate and the budgets."""
    diagnosis: Machine | None = None
    """What ends a run that names a cause."""
    extra: tuple[Extra, ...] = ()
    """Detectors that run beside the shipped ones."""
    skipped: frozenset[str] = frozenset()
    """Detectors whose findings are dropped."""
    tight: Settings | None = None
    """What applies in place of the settings after a cascade."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        machine: str | None = None,
        detectors: Sequence[Extra] = (),
    ) -> "Rules":
        """Prepare rules from settings.

        Args:
            settings: Of the run.
            machine: The text of the machine that a stored run had, in place of what the settings
                name; empty for a run that had none.
            detectors: Run beside the shipped ones and those that the settings name.

        Raises:
            PolicyError: The machine cannot be read, or some run of it might not end; a detector
                that the settings name is not installed.
            PluginError: Such a detector is broken.
        """
        names = settings.tools
        machines = _machines(settings.fsm) if machine is None else _stored(machine)
        return cls(
            settings=settings,
            tool_rules=ToolRules(
                finish=(*FINISH_TOOLS, *names.finish),
                read=names.read,
                write=names.write,
                destructive=names.destructive,
                shell=(*SHELL_TOOLS, *names.shell),
            ),
            mitigation=machines.get(Goal.MITIGATION),
            diagnosis=machines.get(Goal.DIAGNOSIS),
            extra=(*extra_detectors(settings.detectors), *detectors),
            skipped=frozenset(settings.detectors.skip),
            tight=tightened(settings),
        )

    @property
    def tightened(self) -> "Rules":
        """The stricter rules that apply after a cascade."""
        return self if self.tight is None else replace(self, settings=self.tight, tight=None)

    def with_machine(self, machine: Machine) -> "Rules":
        """Return the same rules with one machine for every goal."""
        return replace(self, mitigation=machine, diagnosis=machine)

    def machine(self, goal: Goal) -> Machine | None:
        """Return what ends a run, by what its incident asks for."""
        # Asked several times per event, and a hash of an enum's member is a call in Python.
        return self.diagnosis if goal is Goal.DIAGNOSIS else self.mitigation

    def machine_text(self, goal: Goal) -> str:
        """Return the machine of a goal as JSON text, for the trace; empty without one."""
        machine = self.machine(goal)
        return (
            ""
            if machine is None
            else machine.spec.model_dump_json(by_alias=True, exclude_unset=True)
        )


def _machines(settings: FsmSettings) -> Mapping[Goal, Machine]:
    match settings.machine:
        case "none":
            return {}
        case "auto":
            found = {goal: machine_for(goal) for goal in Goal}
        case name:
            found = dict.fromkeys(Goal, named_machine(name))
    settle = settings.settle
    if settle is None:
        return found
    return {goal: machine.settling(settle) for goal, machine in found.items()}


def _stored(text: str) -> Mapping[Goal, Machine]:
    if not text:
        return {}
    return dict.fromkeys(Goal, machine_of_text(text, source="the machine of the run"))
