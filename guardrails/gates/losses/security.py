"""Whether pods are confined as before: no new privileges, no root, no host network.

Judged by what holds in the end: a pod's setting counts for its containers, and what the API means
where nothing is said.
"""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import PodTemplate, TemplateContainer
from guardrails.gates.kubernetes.objects.templates import Capabilities, SecurityContext
from guardrails.gates.losses.comparing import Loss, Pair, template_check
from guardrails.gates.losses.containers import Match, match_all, running, steps

_NONE = SecurityContext()


def compare(pair: Pair) -> Iterator[Loss]:
    """Yield every way in which a template's pods are confined less."""
    if pair.after.spec.host_network and not pair.before.spec.host_network:
        yield pair.loss("spec.template.spec.hostNetwork", "true", "false")
    for match in match_all(pair.before, pair.after):
        yield from _container(pair, match)
    if not _privileged(pair.before):
        known = {m.new.name for m in match_all(pair.before, pair.after)}
        for name in _privileged(pair.after) - known:
            yield pair.loss(
                f"spec.template.spec.containers[{name}].securityContext.privileged",
                "true",
                "no privileged container",
            )


SECURITY_KEPT = template_check("security-kept", compare)


def _privileged(template: PodTemplate) -> frozenset[str]:
    everything = (*running(template), *steps(template))
    return frozenset(c.name for c in everything if (c.security_context or _NONE).privileged)


def _container(pair: Pair, match: Match) -> Iterator[Loss]:
    old, new = match.old.security_context or _NONE, match.new.security_context or _NONE
    field = f"{match.field}.securityContext"
    if new.privileged and not old.privileged:
        yield pair.loss(f"{field}.privileged", "true", "false")
    if old.allow_privilege_escalation is False and new.allow_privilege_escalation is not False:
        yield pair.loss(f"{field}.allowPrivilegeEscalation", "allowed", "false")
    if old.read_only_root_filesystem and not new.read_only_root_filesystem:
        yield pair.loss(f"{field}.readOnlyRootFilesystem", "false", "true")
    before, after = _user(pair.before, match.old), _user(pair.after, match.new)
    if _may_be_root(after) and not _may_be_root(before):
        yield pair.loss(f"{field}.runAsNonRoot", "may run as root", "does not run as root")
    yield from _capabilities(pair, field, old.capabilities, new.capabilities)


def _user(template: PodTemplate, container: TemplateContainer) -> tuple[bool, int | None]:
    """Return whether root is ruled out, and the user; a container's word overrides its pod's."""
    pod, own = template.spec.security_context or _NONE, container.security_context or _NONE
    ruled = pod.run_as_non_root if own.run_as_non_root is None else own.run_as_non_root
    user = pod.run_as_user if own.run_as_user is None else own.run_as_user
    return bool(ruled), user


def _may_be_root(found: tuple[bool, int | None]) -> bool:
    ruled_out, user = found
    return not ruled_out and not user


def _capabilities(
    pair: Pair, field: str, old: Capabilities | None, new: Capabilities | None
) -> Iterator[Loss]:
    before, after = old or Capabilities(), new or Capabilities()
    added = set(after.add or ()) - set(before.add or ())
    if added:
        yield pair.loss(f"{field}.capabilities.add", ", ".join(sorted(added)), "not added")
    missing = set(before.drop or ()) - set(after.drop or ())
    if missing and "ALL" not in (after.drop or ()):
        yield pair.loss(f"{field}.capabilities.drop", "kept", ", ".join(sorted(missing)))
