"""Whether a workload is still the application: not a placeholder, and not cut off from Services.

Any web server is ready on the right port, and `sleep` never crashes. A tag, a registry or a
renamed repository is no loss; nor is another command that does something.
"""

import re
from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import Service, TemplateContainer
from guardrails.gates.kubernetes.replacement import image_name
from guardrails.gates.losses.comparing import TEMPLATE_LISTS, Ground, Loss, Pair, loss_check
from guardrails.gates.losses.containers import Match, is_idle, line_of, match_running, running

STAND_INS = frozenset(
    (
        *("pause", "busybox", "alpine", "ubuntu", "debian", "fedora", "hello-world", "whoami"),
        *("nginx", "httpd", "caddy", "echoserver", "echo-server", "http-echo", "agnhost", "sleep"),
    )
)
"""Images that run anywhere and serve nobody's purpose."""

_WORDS = re.compile(r"[a-z0-9]+")
_COMMON = frozenset({"app", "service", "server", "svc", "image", "prod", "main", "latest", "io"})
_SHARED_CHARS = 4
"""Letters that two names must begin with alike to be of one family: postgres, postgresql."""


def find(ground: Ground) -> Iterator[Loss]:
    """Yield containers that became something else, and dependencies that were cut."""
    owners = {image_name(c.image): p for p in ground.pairs() for c in running(p.before)}
    services = frozenset(s.metadata.name for s in (*ground.had(Service), *ground.has(Service)))
    for pair in ground.pairs():
        if pair.before == pair.after:
            continue
        own = {image_name(c.image) for c in running(pair.before)}
        others = {name: p for name, p in owners.items() if name not in own}
        for match in match_running(pair.before, pair.after).matches:
            yield from _image(pair, match, others)
            if is_idle(line_of(match.new)) and not is_idle(line_of(match.old)):
                yield pair.loss(f"{match.field}.command", "does nothing", "the application")
            yield from _cut_off(pair, match, services)


IDENTITY_KEPT = loss_check("identity-kept", TEMPLATE_LISTS, find)


def _image(pair: Pair, match: Match, others: dict[str, Pair]) -> Iterator[Loss]:
    old, new = image_name(match.old.image), image_name(match.new.image)
    if old == new or (new not in STAND_INS and are_akin(match.old.image, match.new.image)):
        return
    said = ""
    if new in STAND_INS:
        said = "a placeholder"
    elif new in others:
        said = f"the image of {others[new].old.metadata.name}"
    elif line_of(match.old) != line_of(match.new):
        said = "another image with another command"
    if said:
        yield pair.loss(f"{match.field}.image", f"{match.new.image}: {said}", match.old.image)


def are_akin(one: str, other: str) -> bool:
    """Tell whether two images are of one family, by the words of their repositories.

    >>> are_akin("shop/payment:1", "ghcr.io/acme/payment-api:2"), are_akin("payment", "valkey")
    (True, False)
    """
    mine, theirs = _family(one), _family(other)
    return any(
        a == b or (len(a) >= _SHARED_CHARS and len(b) >= _SHARED_CHARS and _begin_alike(a, b))
        for a in mine
        for b in theirs
    )


def _begin_alike(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _family(image: str) -> frozenset[str]:
    return frozenset(_WORDS.findall(image_name(image).lower())) - _COMMON


def _cut_off(pair: Pair, match: Match, services: frozenset[str]) -> Iterator[Loss]:
    """A variable that named a Service is gone, and nothing else names that Service."""
    old, new = match.old, match.new
    if set(new.env_from or ()) - set(old.env_from or ()):
        return  # It may come from there now; what is in a ConfigMap is not read.
    kept = {v.name for v in new.env or () if v.value or v.value_from is not None}
    for variable in old.env or ():
        named = services_in(variable.value, services)
        if named and variable.name not in kept and not named <= _mentioned(new, services):
            yield pair.loss(
                f"{match.field}.env[{variable.name}]",
                "not set",
                f"names Service {', '.join(sorted(named))}",
            )


def _mentioned(container: TemplateContainer, services: frozenset[str]) -> frozenset[str]:
    texts = (*(v.value for v in container.env or ()), *line_of(container))
    return frozenset(name for text in texts for name in services_in(text, services))


def services_in(text: str, services: frozenset[str]) -> frozenset[str]:
    """Return the Services that a reduced text names by host.

    >>> sorted(services_in("http://cart:80 sha256:0a1b2c3d cart.shop.svc", frozenset({"cart"})))
    ['cart']
    """
    hosts = (word.rpartition("://")[2].partition(":")[0] for word in text.split())
    return frozenset(h.partition(".")[0] for h in hosts) & services
