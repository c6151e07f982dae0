"""The context of one run: its filters, what they remember, and what the provider's counts tell.

Nothing here must survive a restart: what filters remember is made again, and a token is measured
anew by the next answer.
"""

import threading
from collections.abc import Mapping, Sequence

from guardrails.hygiene.clean import cleaned
from guardrails.hygiene.memo import Memo
from guardrails.hygiene.messages import Message
from guardrails.hygiene.recent import Recent
from guardrails.hygiene.redact import redacted
from guardrails.hygiene.repeats import Cleaned
from guardrails.hygiene.texts import TEXT_FILTERS, with_texts
from guardrails.hygiene.tokens import Measure, characters_of
from guardrails.hygiene.window import Known, nothing_known
from guardrails.policy.models import FilterName, HygieneSettings


class Context:
    """Cleans what is sent in one run. Threads may share it: agents of a run work side by side."""

    def __init__(self, settings: HygieneSettings) -> None:
        self._settings = settings
        self._measure = Measure()
        self._memo = Memo()
        self.redacted = Recent(redacted)
        """Hides the secrets of a text; used for what is recorded, too, which is mostly the same."""
        self._sent: dict[str, int] = {}
        self._lock = threading.Lock()

    def follow(self, settings: HygieneSettings) -> None:
        """Clean by other settings from now on."""
        with self._lock:
            self._settings = settings

    @property
    def memo(self) -> Memo:
        """What is remembered of messages; a shape may keep there what it read."""
        return self._memo

    @property
    def measure(self) -> Measure:
        """What is known of the model's tokens."""
        return self._measure

    def cleaned(
        self,
        messages: Sequence[Message],
        *,
        agent: str = "",
        taken_back: Mapping[str, str] | None = None,
        ledger: Known = nothing_known,
        recall: bool = True,
    ) -> Cleaned:
        """Return what is sent in place of the messages.

        Args:
            messages: The whole history, as it is.
            agent: Who sends them, where a run has several; counts are told apart by it.
            taken_back: Why, by the id of each call whose step was taken back.
            ledger: What tools said of objects.
            recall: Whether the model can ask for what was left out.
        """
        with self._lock:
            found = cleaned(
                messages,
                self._settings,
                taken_back=taken_back,
                measure=self._measure,
                memo=self._memo,
                redact=self.redacted,
                ledger=ledger,
                recall=recall,
            )
            self._memo.settle()
            self._sent[agent] = characters_of(found.messages)
            while len(self._sent) > AGENTS:
                del self._sent[next(iter(self._sent))]
            return found

    def cleaned_alone(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Return messages through the filters that need one message alone, and all of them.

        For a part of a conversation whose rest is kept elsewhere: what is no pair in it may be one
        with what cannot be seen.

        Args:
            messages: The part, as it is.
        """
        with self._lock:
            names = self._settings.filters
            alone: list[FilterName] = [name for name in names if name in TEXT_FILTERS]
            found = with_texts(messages, alone, memo=self._memo, redact=self.redacted)
            self._memo.settle()
            return found

    def counted(self, tokens: int, *, agent: str = "") -> None:
        """Learn from what a provider counted for the messages that were sent last."""
        with self._lock:
            characters = self._sent.pop(agent, None)
            if characters is not None:
                self._measure = self._measure.counted(characters=characters, tokens=tokens)


AGENTS = 64
"""Agents whose last request is remembered until it is answered."""
