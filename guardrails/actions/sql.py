"""What an SQL text does, told by the first word of each statement.

Comments and quoted text are taken out first, so that neither hides a statement nor looks like one.
What does not start with a word that is known to only look is a write.
"""

import re

from guardrails.core.toolaction import Effect

_HIDDEN = re.compile(
    r"--[^\n]*|\#[^\n]*|/\*(?!!).*?\*/|'(?:''|\\.|[^'\\])*+'|\"(?:\"\"|[^\"])*+\"|`[^`]*`",
    re.DOTALL,
)
_STARTS_LIKE_SQL = re.compile(
    r"\s*(?:select|with|insert|update|delete|merge|create|alter|drop|truncate|grant|revoke|show|explain"
    r"|describe|desc|replace|call|begin|vacuum|set)\b\s",
    re.IGNORECASE,
)
_LOOKS = frozenset({"select", "show", "describe", "desc", "values", "table", "use"})
_DESTROYS = frozenset({"drop", "truncate", "delete"})
_WRITES_INSIDE = re.compile(
    r"\b(?:into|insert|update|merge|replace|create|alter|grant|revoke|call|copy|lock|nextval|setval"
    r"|pg_terminate_backend|pg_cancel_backend|pg_reload_conf|lo_import|lo_export|dblink_exec)\b"
)
_DESTROYS_INSIDE = re.compile(r"\b(?:delete\s++from|drop\s++\w+|truncate)\b")
_ANALYZE = re.compile(r"\banalyze\b(?!\s+(?:false|off|0)\b)")


_LONGEST_TEXT = 20_000
"""Characters that are read. A longer text counts as if it held everything."""


def looks_like_sql(text: str) -> bool:
    """Tell whether a text begins like an SQL statement."""
    return _STARTS_LIKE_SQL.match(text + " ") is not None


def sql_effect(text: str) -> Effect:
    """Tell what an SQL text does: the gravest of its statements."""
    if len(text) > _LONGEST_TEXT:
        return Effect.DESTRUCTIVE if _DESTROYS_INSIDE.search(text.lower()) else Effect.WRITE
    plain = _HIDDEN.sub(" ? ", text).lower()
    if any(mark in plain for mark in ("'", '"', "`", "/*", "$$", "\\")):
        return Effect.DESTRUCTIVE if _DESTROYS_INSIDE.search(plain) else Effect.WRITE
    effects = [_statement_effect(part) for part in plain.split(";") if part.strip()]
    return max(effects, key=lambda effect: effect.gravity, default=Effect.WRITE)


def _statement_effect(statement: str) -> Effect:
    words = statement.replace("(", " ( ").split()
    first = next((word for word in words if word not in {"(", "?"}), "")
    if first in _DESTROYS or _DESTROYS_INSIDE.search(statement):
        runs = first != "explain" or _ANALYZE.search(statement)
        return Effect.DESTRUCTIVE if runs else Effect.READ
    if first == "explain":
        inner = _ANALYZE.search(statement) is not None and _WRITES_INSIDE.search(statement)
        return Effect.WRITE if inner else Effect.READ
    if first in _LOOKS or (first == "with" and "select" in words):
        return Effect.WRITE if _WRITES_INSIDE.search(statement) else Effect.READ
    return Effect.WRITE
