"""Tables of words written as running text, which stays readable at a hundred words a table."""


def tokens(text: str) -> frozenset[str]:
    """Give the words of a text as a set."""
    return frozenset(text.split())


def listed(text: str) -> tuple[str, ...]:
    """Give the words of a text in their order."""
    return tuple(text.split())
