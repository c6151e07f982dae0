"""Which container of a template is which container of the reference's, and what merely idles.

Matched by name, else by image, else as the only ones left: a renamed container is the same one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from guardrails.gates.kubernetes.objects import PodTemplate, TemplateContainer
from guardrails.gates.kubernetes.reduction import reduced
from guardrails.gates.kubernetes.replacement import image_name

Containers = Sequence[TemplateContainer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A container, then and now."""

    old: TemplateContainer
    new: TemplateContainer
    field: str
    """Where it is now, as kubectl would write it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The containers of one kind of a template."""

    matches: tuple[Match, ...]
    gone: tuple[TemplateContainer, ...]


def running(template: PodTemplate) -> tuple[TemplateContainer, ...]:
    """Return the containers that keep running, sidecars among the init containers included."""
    sidecars = (c for c in template.spec.init_containers or () if c.restart_policy == "Always")
    return (*(template.spec.containers or ()), *sidecars)


def steps(template: PodTemplate) -> tuple[TemplateContainer, ...]:
    """Return the init containers that end before the pod starts."""
    return tuple(c for c in template.spec.init_containers or () if c.restart_policy != "Always")


def match_running(before: PodTemplate, after: PodTemplate) -> Matched:
    """Match the containers that keep running; they may move between the two lists."""
    return _match(running(before), running(after), "containers")


def match_steps(before: PodTemplate, after: PodTemplate) -> Matched:
    """Match the init containers, in whatever order."""
    return _match(steps(before), steps(after), "initContainers")


def match_all(before: PodTemplate, after: PodTemplate) -> tuple[Match, ...]:
    """Match all containers."""
    return (*match_running(before, after).matches, *match_steps(before, after).matches)


def _match(old: Containers, new: Containers, where: str) -> Matched:
    left_old, left_new = list(old), list(new)
    found: list[tuple[TemplateContainer, TemplateContainer]] = []
    for same in (_same_name, _same_image):
        for one in tuple(left_old):
            other = next((c for c in left_new if same(one, c)), None)
            if other is not None:
                found.append((one, other))
                left_old.remove(one)
                left_new.remove(other)
    if len(left_old) == len(left_new) == 1:
        found.append((left_old.pop(), left_new.pop()))
    prefix = f"spec.template.spec.{where}"
    return Matched(
        matches=tuple(Match(old=o, new=n, field=f"{prefix}[{n.name}]") for o, n in found),
        gone=tuple(left_old),
    )


def _same_name(one: TemplateContainer, other: TemplateContainer) -> bool:
    return one.name == other.name


def _same_image(one: TemplateContainer, other: TemplateContainer) -> bool:
    return image_name(one.image) == image_name(other.image)


def line_of(container: TemplateContainer) -> tuple[str, ...]:
    """Return what a container is told to run: command and arguments."""
    return (*(container.command or ()), *(container.args or ()))


def _at_any_path(*programs: str) -> frozenset[str]:
    folders = ("", "/bin/", "/usr/bin/", "/usr/local/bin/")
    return frozenset(reduced(f"{folder}{name}") for folder, name in product(folders, programs))


_SLEEPERS = _at_any_path("sleep", "true", "pause", "yes", ":") | {reduced("/pause")}
_TALKERS = _at_any_path("echo", "printf")
_TAILS = _at_any_path("tail", "cat")
_SHELLS = _at_any_path("sh", "bash", "ash", "dash")
_BOX = _at_any_path("busybox")
_NOWHERE = reduced("/dev/null")
_SCRIPT_FLAGS = frozenset(reduced(flag) for flag in ("-c", "-ec", "-lc", "-xc"))

_TIMES = (
    *("infinity", "inf", "1h", "12h", "24h", "1d", "7d", "30d", "99d", "365d", "1000d", "9999d"),
    *map(str, (*range(1, 61), 90, 100, 120, 180, 240, 300, 600, 900, 999, 1000, 1200, 1800, 3600)),
    *map(str, (7200, 9999, 10000, 36000, 43200, 86400, 99999, 100000, 604800, 999999, 1000000)),
    *map(str, (3600000, 9999999, 31536000, 99999999, 999999999, 2147483647)),
)
"""Times that people sleep for. Snapshots hold digests of scripts, so each is known by its own."""


def _idle_scripts() -> Iterator[str]:
    yield from ("true", ":", "exit 0", "exit", "/bin/true", "echo", "echo ok", "echo OK")
    yield from (
        "tail -f /dev/null",
        "exec tail -f /dev/null",
        "trap : TERM INT; sleep infinity & wait",
    )
    for time in _TIMES:
        yield from (f"sleep {time}", f"exec sleep {time}", f"sleep {time}; exit 0")
        for head, end in product(
            ("while true", "while :", "while [ 1 ]", "while [ true ]"), (";", "; ")
        ):
            yield f"{head}; do sleep {time}{end}done"
            yield f"{head};do sleep {time}{end}done"


_SCRIPTS = frozenset(
    reduced(f"{script}{tail}") for script, tail in product(_idle_scripts(), ("", ";"))
)


def is_idle(line: Sequence[str]) -> bool:
    """Tell whether a command, reduced as snapshots hold it, surely does nothing.

    >>> from guardrails.gates.kubernetes.reduction import reduced
    >>> is_idle([reduced("sleep"), "3600"]), is_idle([reduced("/app/server")])
    (True, False)
    """
    words = list(line)
    if len(words) > 1 and words[0] in _BOX:
        words = words[1:]
    if not words:
        return False
    first, rest = words[0], words[1:]
    if first in _SHELLS:
        script = rest[1] if len(rest) > 1 and rest[0] in _SCRIPT_FLAGS else ""
        return script in _SCRIPTS and bool(script)
    return first in _SLEEPERS or first in _TALKERS or (first in _TAILS and _NOWHERE in rest)
