"""Settings for tests of everything but the machine: there ends go straight to the gate."""

from guardrails.policy.models import FsmSettings, HygieneSettings, Settings

NO_MACHINE = FsmSettings(machine="none", alignment="none")
FREE = Settings(fsm=NO_MACHINE, hygiene=HygieneSettings(early="none"))
"""The built-in defaults without a machine, and without a look at calls by themselves."""
