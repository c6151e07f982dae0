"""Whether the data is still there and still mounted: claims, their volumes, and what was mounted.

An application starts fine on an empty volume. The same volume under another claim is no loss, nor
is another path; another volume at the old path is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from guardrails.core.evidence import ObjectRef
from guardrails.gates.checks import refer
from guardrails.gates.kubernetes.objects import (
    PersistentVolumeClaim,
    StatefulSet,
    TemplateContainer,
)
from guardrails.gates.kubernetes.objects.templates import Volume, VolumeMount
from guardrails.gates.kubernetes.quantities import amount
from guardrails.gates.losses.comparing import (
    TEMPLATE_LISTS,
    Ground,
    Loss,
    Owner,
    Pair,
    loss_check,
    template_of,
)
from guardrails.gates.losses.containers import Match, match_all

LISTS = ("PersistentVolumeClaim", *TEMPLATE_LISTS)

EMPTY = "emptyDir"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a volume's contents come from."""

    kind: str
    """`claim`, `claim template`, `ConfigMap`, `Secret`, `emptyDir`, or `volume` of any other."""
    name: str = ""

    @property
    def is_data(self) -> bool:
        """Whether it outlives its pods."""
        return self.kind in {"claim", "claim template"}

    def __str__(self) -> str:
        """Write it for a report."""
        return f"{self.kind} {self.name}".strip()


def find(ground: Ground) -> Iterator[Loss]:
    """Yield the claims that are gone, made anew or smaller, and mounts that are missing."""
    for old, new in ground.both(PersistentVolumeClaim):
        if old.status.phase != "Pending" and not _is_of_a_pod(old):
            yield from _claim(ground, old, new)
    for pair in ground.pairs():
        if pair.old.spec != pair.new.spec:
            for match in match_all(pair.before, pair.after):
                yield from _mounts(ground, pair, match)


DATA_KEPT = loss_check("data-kept", LISTS, find)


def _is_of_a_pod(claim: PersistentVolumeClaim) -> bool:
    """Claims of ephemeral volumes come and go with their pods."""
    return any(o.kind == "Pod" for o in claim.metadata.owner_references or ())


def _claim(
    ground: Ground, old: PersistentVolumeClaim, new: PersistentVolumeClaim | None
) -> Iterator[Loss]:
    volume = old.spec.volume_name
    held = volume and any(c.spec.volume_name == volume for c in ground.has(PersistentVolumeClaim))
    if held:
        return
    where = f"volume {volume}" if volume else "its volume"
    if new is None:
        yield Loss(
            subject=ObjectRef(
                kind="PersistentVolumeClaim",
                name=old.metadata.name,
                namespace=old.metadata.namespace,
            ),
            observed="does not exist, or is being deleted",
            expected=f"a claim of {where} (the reference)",
        )
    elif volume and new.metadata.uid != old.metadata.uid:
        yield Loss(
            subject=refer(new),
            field="spec.volumeName",
            observed=f"made anew, on {new.spec.volume_name or 'no volume yet'}",
            expected=f"{where} (the reference)",
        )
    elif _size(new) < _size(old):
        yield Loss(
            subject=refer(new),
            field="spec.resources.requests.storage",
            observed="smaller",
            expected="as large as it was (the reference)",
        )


def _size(claim: PersistentVolumeClaim) -> float:
    asked = claim.spec.resources.requests if claim.spec.resources else None
    return amount((asked or {}).get("storage", "0")) or 0.0


def _mounts(ground: Ground, pair: Pair, match: Match) -> Iterator[Loss]:
    before, after = sources_of(pair.old), sources_of(pair.new)
    now = {m.mount_path: after.get(m.name, Source(kind="volume")) for m in _of(match.new)}
    for mount in _of(match.old):
        source = before.get(mount.name, Source(kind="volume"))
        there = now.get(mount.mount_path)
        if source.kind == EMPTY or there == source:
            continue
        moved = source in now.values() and source.kind != "volume"
        if moved or (there is not None and _is_as_good(ground, pair, source, there)):
            continue
        # A new version may need other files, but the same one needs the same.
        if source.is_data or match.old.image == match.new.image:
            yield pair.loss(
                f"{match.field}.volumeMounts[{mount.mount_path}]",
                str(there) if there is not None else "not mounted",
                str(source),
            )


def _of(container: TemplateContainer) -> tuple[VolumeMount, ...]:
    return container.volume_mounts or ()


def sources_of(item: Owner) -> Mapping[str, Source]:
    """Return the volumes of something that makes pods, by name."""
    found = {v.name: _source(v) for v in template_of(item).spec.volumes or ()}
    if isinstance(item, StatefulSet):
        for claim in item.spec.volume_claim_templates or ():
            name = claim.metadata.name
            found[name] = Source(kind="claim template", name=name)
    return found


def _source(volume: Volume) -> Source:
    if volume.persistent_volume_claim is not None:
        return Source(kind="claim", name=volume.persistent_volume_claim.claim_name)
    if volume.config_map is not None:
        return Source(kind="ConfigMap", name=volume.config_map.name)
    if volume.secret is not None:
        return Source(kind="Secret", name=volume.secret.secret_name)
    return Source(kind=EMPTY if volume.empty_dir is not None else "volume")


def _is_as_good(ground: Ground, pair: Pair, old: Source, new: Source) -> bool:
    """Tell whether what is mounted now serves for what was mounted at the same path."""
    if not old.is_data:
        return new.kind != EMPTY
    if old.kind == "claim template":
        # A claim of a StatefulSet's pod is named template-set-ordinal.
        return new.name.startswith(f"{old.name}-{pair.old.metadata.name}-")
    if new.kind != "claim":
        return False
    had = {c.metadata.name: c.spec.volume_name for c in ground.had(PersistentVolumeClaim)}
    has = {n: c.spec.volume_name for n, c in ground.named(PersistentVolumeClaim).items()}
    volume = had.get(old.name)
    return bool(volume) and has.get(new.name) == volume
