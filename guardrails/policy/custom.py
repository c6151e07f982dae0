"""Checks that people write in a policy: a PromQL comparison, an HTTP probe, a condition on objects.

Each has a name, under which reports carry it as `custom:NAME`. A check asks one thing; what it
cannot read is unknown, and unknown never passes.
"""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from guardrails.policy.durations import PositiveSeconds, Seconds
from guardrails.policy.objectpath import parse_path
from guardrails.policy.promql import check_query, threshold_of
from guardrails.policy.strict import Strict

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr
"""What a value of an object is compared with."""

Number = StrictInt | StrictFloat

Operator = Literal["<", "<=", ">", ">=", "==", "!="]

_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_HEADER = r"^[A-Za-z0-9-]+$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_WORD = r"^[A-Za-z0-9.-]+$"


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    try:
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"\s", url):
        raise ValueError(f"{url!r} is not a URL; write it like http://shop.example/healthz")
    if "@" in parts.netloc:
        raise ValueError(
            "a policy holds no secret: leave user name and password out of the URL, and name "
            "environment variables under headers_from_env"
        )
    return url


def _check_path(path: str) -> str:
    parse_path(path)
    return path


class HttpProbe(Strict):
    """One GET. Redirects are followed on the same host only."""

    url: Annotated[str, AfterValidator(_check_url)]
    """Where to ask, as seen from where the guard runs."""
    status: Annotated[StrictInt, Field(ge=100, le=599)] = 200
    """The status code that is right; any other is a violation."""
    contains: str = ""
    """A text that the body must hold; empty asks for none."""
    timeout: PositiveSeconds = 5.0
    """Longest wait for the whole answer. A service that is well answers a health check in
    milliseconds; no answer is unknown, not wrong."""
    headers_from_env: dict[
        Annotated[str, Field(pattern=_HEADER)], Annotated[str, Field(pattern=_VARIABLE)]
    ] = Field(default_factory=dict)
    """Header by header, the environment variable that holds its value."""


class ObjectCondition(Strict):
    """What must stand at a path of an object, or of every object that a label selector selects."""

    kind: Annotated[str, Field(pattern=_WORD)]
    """`Deployment`, `VirtualService`. Not `Secret`: what is seen stands in reports."""
    group: Annotated[str, Field(pattern=r"^[a-z0-9.-]*$")] = ""
    """API group; empty for the core group."""
    version: Annotated[str, Field(pattern=_WORD)] = "v1"
    """API version, without the group."""
    plural: Annotated[str, Field(pattern=r"^[a-z0-9-]*$")] = ""
    """The resource's name in URLs, where it is not the usual plural of the kind."""
    namespace: Annotated[str, Field(pattern=r"^[a-z0-9-]*$")] = ""
    """Left out for kinds that have none."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9.:-]*$")] = ""
    """One object."""
    label_selector: str = ""
    """Or all objects with these labels, as kubectl writes it: `app=web,tier!=db`."""
    path: Annotated[str, AfterValidator(_check_path)]
    """Where to look: `spec.replicas`, `status.conditions[type=Ready].status`."""
    equals: Scalar | None = None
    not_equals: Scalar | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    exists: StrictBool | None = None
    """Whether anything stands at the path."""
    one_of: tuple[Scalar, ...] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind.lower() == "secret" and not self.group:
            raise ValueError("kind: Secret cannot be checked: values that are seen are reported")
        if bool(self.name) == bool(self.label_selector):
            raise ValueError("give name or label_selector, and not both")
        given = [key for key in CONDITIONS if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give one condition of {', '.join(CONDITIONS)}")
        if self.one_of == ():
            raise ValueError("one_of is empty, so nothing could satisfy it")
        return self


CONDITIONS = ("equals", "not_equals", "at_least", "at_most", "exists", "one_of")
"""Keys of `ObjectCondition` of which exactly one is given."""


class CustomCheck(Strict):
    """One check: `promql`, or `query` with `op` and `value`, or `http`, or `object`."""

    name: Annotated[str, Field(pattern=_NAME)]
    """Small letters, digits and dashes; reports say `custom:NAME`."""
    promql: str | None = None
    """A comparison with a number that holds for every series when all is well:
    `sum(rate(errors_total[5m])) < 0.1`."""
    query: str | None = None
    """The same in parts: what is compared,"""
    op: Operator | None = None
    """how,"""
    value: Number | None = None
    """and with what."""
    http: HttpProbe | None = None
    object: ObjectCondition | None = None
    required: StrictBool = True
    """False reports what is found and holds it against nobody."""
    tier: Literal["state", "alerts"] | None = None
    """Which tier it counts for; left out: `alerts` for PromQL, `state` for the others. What does
    not ask Prometheus cannot be part of tier `alerts`."""
    settle: Seconds | None = None
    """How long after the last write a violation still counts as pending. Left out: for PromQL the
    time that its ranges look back, for the others 2m."""

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        parts = [key for key in ("query", "op", "value") if getattr(self, key) is not None]
        kinds = [key for key in ("promql", "http", "object") if getattr(self, key) is not None]
        if len(kinds) + bool(parts) != 1:
            raise ValueError("give one of promql, query (with op and value), http and object")
        if parts and len(parts) != len(("query", "op", "value")):
            raise ValueError("query, op and value belong together")
        if self.promql is not None:
            threshold_of(self.promql)
        if self.query is not None:
            check_query(self.query)
        if self.tier == "alerts" and not self.asks_prometheus:
            raise ValueError("tier alerts is proved by Prometheus; leave tier out")
        return self

    @property
    def asks_prometheus(self) -> bool:
        """Whether it is a PromQL comparison."""
        return self.promql is not None or self.query is not None
