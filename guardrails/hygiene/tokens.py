"""How many tokens a text is, told from its length and what the provider counted before.

No vocabulary is downloaded: it would be another one for every model, and the provider says with
every answer what its own came to.
"""

from collections.abc import Iterable
from math import ceil

import msgspec

from guardrails.hygiene.messages import Message

PER_TOKEN = 3.6
"""Characters of a token before anything was counted. Kubernetes output has 3.0 to 4.2 with the
vocabularies of current models; a low figure wastes a little room and never overruns."""

LEAST, MOST = 1.5, 8.0
"""Characters of a token that are believed. A cached prompt that a server does not count, or one
with images, would lead beyond."""

AROUND = 4
"""Tokens of a message besides its text: role and separators."""

LEARNT = 0.3
"""Weight of a new count; three of them outweigh what was assumed."""


class Measure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a model's tokens."""

    per_token: float = PER_TOKEN

    def counted(self, *, characters: int, tokens: int) -> "Measure":
        """Return what is known after an answer.

        Args:
            characters: Of the messages that were sent.
            tokens: What the provider counted as input. Tools' descriptions are among them, so short
                prompts say little and are passed over.
        """
        if tokens < _TELLING:
            return self
        seen = min(MOST, max(LEAST, characters / tokens))
        return Measure(per_token=self.per_token + LEARNT * (seen - self.per_token))

    def tokens(self, characters: int, *, messages: int = 1) -> int:
        """Return how many tokens so many characters in so many messages are."""
        return int(characters / self.per_token) + 1 + AROUND * messages

    def characters(self, tokens: int, *, messages: int) -> int:
        """Return the most characters that so many tokens in so many messages hold."""
        return max(0, ceil((tokens - AROUND * messages) * self.per_token) - 1)


_TELLING = 2_000


def characters_of(messages: Iterable[Message]) -> int:
    """Return the characters that messages send: texts, thought, and calls with their arguments."""
    return sum([message.size for message in messages])
