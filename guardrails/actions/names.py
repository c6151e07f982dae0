"""What the name of a function tool says: `get_pods`, `deletePod`, `k8s-scale-deployment`.

The first verb decides; verbs joined to it by `and` or `or` may raise it. A name that holds only a
noun of observation (`logs`, `metrics`) reads.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect

_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_a-zA-Z]+")

_READS = tokens(
    "get list describe query search show read fetch find inspect view check count watch explain"
    " lookup analyze analyse summarize summarise monitor tail top diff compare validate verify"
    " retrieve grep cat ls glob browse collect detect diagnose examine discover observe obtain"
    " probe ping trace profile status history scan select think download wait sleep is has"
)
_NOUNS_TOO = tokens("count monitor tail top trace profile status history scan")
"""Reading words that are as often nouns: after them a later verb decides (`status_update`)."""
_WRITES = tokens(
    "patch apply scale restart create set rollback roll update exec execute run edit write add"
    " insert put post send call invoke trigger start stop pause resume enable disable install"
    " upgrade deploy label annotate taint cordon uncordon expose autoscale replace configure"
    " change modify fix repair mend silence mute acknowledge ack resolve move copy rename upload"
    " sync reconcile suspend migrate revert undo attach inject approve deny merge push commit save"
    " store submit reload reboot kick resize adjust remediate mitigate heal assign schedule open"
    " close notify page escalate increase decrease bump redeploy expire import generate switch use"
    " bind grant"
)
_DESTROYS = tokens(
    "delete drain remove uninstall destroy purge prune kill terminate evict drop truncate wipe"
    " erase clear flush reset rm del clean cleanup unset revoke detach abort shred format"
    " deprovision"
)
_OBSERVED = tokens(
    "logs log metrics metric events event traces alerts alert topology promql logql prometheus"
    " loki jaeger pods services nodes deployments dashboard runbook documentation docs knowledge"
    " health version info details overview summary spans incidents schema"
)
_VAGUE = tokens("exec execute run call invoke use open send post start generate trigger")
"""Verbs of a write that may as well only ask: `run_query`, `generate_report`."""
_JOINS = frozenset({"and", "or", "then"})
_OF_COMMAND_LINES = tokens(
    "exec execute run bash sh shell terminal cmd command commands kubectl helm argocd flux"
    " istioctl curl promtool script cli console nl2kubectl"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMeaning:
    """What a tool's name says of it."""

    words: tuple[str, ...]
    verb: str = ""
    effect: Effect | None = None
    """`None` if no word is known."""

    @property
    def vague(self) -> bool:
        """Whether the verb may as well only ask."""
        return self.verb in _VAGUE

    @property
    def of_command_lines(self) -> bool:
        """Whether the name says that the tool runs whatever it is given."""
        return not _OF_COMMAND_LINES.isdisjoint(self.words)


def words_of_name(tool: str) -> tuple[str, ...]:
    """Split a tool's name into lower-case words: snake, kebab, dots and camel case."""
    return tuple(word.lower() for word in _CAMEL.findall(tool))


def _effect_of_word(word: str) -> Effect | None:
    if word in _DESTROYS:
        return Effect.DESTRUCTIVE
    if word in _WRITES:
        return Effect.WRITE
    return Effect.READ if word in _READS else None


@lru_cache(maxsize=512)
def read_name(tool: str) -> NameMeaning:
    """Tell what a tool's name says."""
    words = words_of_name(tool)
    verb, effect = "", None
    for place, word in enumerate(words):
        said = _effect_of_word(word)
        if said is None:
            continue
        joined = words[place - 1] in _JOINS or verb in _NOUNS_TOO
        if effect is None or (joined and said.gravity > effect.gravity):
            verb, effect = word, said
    if effect is None and not _OBSERVED.isdisjoint(words):
        effect = Effect.READ
    if effect is Effect.READ and not tool.isascii():
        effect = None  # a letter that only looks like one of ours
    return NameMeaning(words=words, verb=verb, effect=effect)
