"""Times as Prometheus and Alertmanager write and read them."""

from datetime import UTC, datetime


def to_text(at: float) -> str:
    """Seconds since the epoch as RFC 3339 with milliseconds, in UTC."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def to_seconds(text: str) -> float:
    """RFC 3339 or a number, as seconds since the epoch.

    Raises:
        ValueError: If it is neither.
    """
    try:
        return float(text)
    except ValueError:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
