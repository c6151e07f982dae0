"""Settings for tests of everything but the machine: there ends go straight to the gate."""

from guardrails.policy.models import FsmSettings, Settings

NO_MACHINE = FsmSettings(machine="none", alignment="none")
FREE = Settings(fsm=NO_MACHINE)
"""The built-in defaults without a machine."""
