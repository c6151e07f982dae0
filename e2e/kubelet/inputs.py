"""What a container needs from outside its own spec: image, ConfigMaps and Secrets.

A kubelet looks these up before it starts a container and reports why it could not. The lookups
are passed in as plain tables, so that everything here is a pure function of the spec and them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from e2e.objects import Container, EnvVar, KeyRef, Pod

KNOWN_IMAGES = re.compile(
    r"^(?:docker\.io/)?(?:library/)?busybox(?::(?:1\.3[5-7](?:\.\d+)?|stable))?$"
)
"""The images this node can pull; every other one does not exist in any registry."""

RUN_BY_A_TEST = "suite.example/"
"""Images of this registry are left alone: `e2e/sidecar/node.py` runs them as processes."""

Keys = Mapping[tuple[str, str], Mapping[str, str]]
"""Data by (namespace, name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInputs:
    """What the node can look up."""

    config_maps: Keys
    secrets: Keys


class ConfigError(Exception):
    """A reference that cannot be resolved; the text is the kubelet's message."""


def image_exists(image: str) -> bool:
    """Tell whether an image can be pulled."""
    return KNOWN_IMAGES.match(image) is not None


def run_by_a_test(pod: Pod) -> bool:
    """Tell whether a test plays the kubelet of a pod."""
    return any(each.image.startswith(RUN_BY_A_TEST) for each in pod.spec.containers)


def environment(container: Container, *, pod: Pod, inputs: NodeInputs) -> dict[str, str]:
    """Return a container's variables, references resolved.

    Raises:
        ConfigError: A ConfigMap, a Secret or a key of one is missing and not optional.
    """
    namespace = pod.metadata.namespace
    found: dict[str, str] = {}
    for source in container.env_from:
        for kind, ref, tables in (
            ("configmap", source.config_map_ref, inputs.config_maps),
            ("secret", source.secret_ref, inputs.secrets),
        ):
            if ref is not None:
                data = _table(kind, ref=ref, namespace=namespace, tables=tables)
                found.update({source.prefix + key: value for key, value in data.items()})
    for variable in container.env:
        value = _value(variable, pod=pod, inputs=inputs)
        if value is not None:
            found[variable.name] = value
    return found


def missing_volume(pod: Pod, *, inputs: NodeInputs) -> str | None:
    """Return the kubelet's message about the first volume whose source is missing."""
    namespace = pod.metadata.namespace
    for volume in pod.spec.volumes:
        source = volume.config_map
        if source and not source.optional and (namespace, source.name) not in inputs.config_maps:
            missing = f'configmap "{source.name}" not found'
            return f'MountVolume.SetUp failed for volume "{volume.name}" : {missing}'
        secret = volume.secret
        if secret and not secret.optional and (namespace, secret.secret_name) not in inputs.secrets:
            missing = f'secret "{secret.secret_name}" not found'
            return f'MountVolume.SetUp failed for volume "{volume.name}" : {missing}'
    return None


def _value(variable: EnvVar, *, pod: Pod, inputs: NodeInputs) -> str | None:
    source = variable.value_from
    if source is None:
        return variable.value
    namespace = pod.metadata.namespace
    if source.config_map_key_ref is not None:
        ref = source.config_map_key_ref
        data = _table("configmap", ref=ref, namespace=namespace, tables=inputs.config_maps)
        return _key("ConfigMap", ref=ref, namespace=namespace, data=data)
    if source.secret_key_ref is not None:
        ref = source.secret_key_ref
        data = _table("secret", ref=ref, namespace=namespace, tables=inputs.secrets)
        return _key("Secret", ref=ref, namespace=namespace, data=data)
    path = source.field_ref.field_path if source.field_ref else ""
    fields = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": namespace,
        "spec.nodeName": pod.spec.node_name,
        "status.podIP": pod.status.pod_ip,
    }
    return fields.get(path, "")


def _table(kind: str, *, ref: KeyRef, namespace: str, tables: Keys) -> Mapping[str, str]:
    data = tables.get((namespace, ref.name))
    if data is None:
        if ref.optional:
            return {}
        raise ConfigError(f'{kind} "{ref.name}" not found')
    return data


def _key(kind: str, *, ref: KeyRef, namespace: str, data: Mapping[str, str]) -> str | None:
    if ref.key in data or ref.optional:
        return data.get(ref.key)
    raise ConfigError(f"couldn't find key {ref.key} in {kind} {namespace}/{ref.name}")
