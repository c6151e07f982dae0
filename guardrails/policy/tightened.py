"""The settings of a run after its failures became a cascade: the stricter of two, one by one."""

from typing import Final

from guardrails.policy.models import EffectRule, Settings

_ORDER: Final[tuple[EffectRule, ...]] = ("allow", "warn", "block")


def tightened(settings: Settings) -> Settings:
    """Return the settings that apply from then on.

    Budgets stay what they are: a run is stopped by what it spent or by its failures, and the
    outcome says which.

    >>> calm = Settings()
    >>> calm.effects.destructive, tightened(calm).effects.destructive
    ('warn', 'block')
    """
    cascade = settings.cascade
    effects, hygiene = settings.effects, settings.hygiene
    return settings.model_copy(
        update={
            "effects": effects.model_copy(
                update={
                    "write": max(effects.write, cascade.write, key=_ORDER.index),
                    "destructive": max(effects.destructive, cascade.destructive, key=_ORDER.index),
                }
            ),
            "hygiene": hygiene.model_copy(
                update={
                    "tokens": min(hygiene.tokens, cascade.tokens),
                    "early": "reconcile",
                }
            ),
            "fsm": settings.fsm.model_copy(update={"alignment": "reconcile"}),
        }
    )
