"""Which fields of Kubernetes objects and of descriptions go first, and which are never dropped.

Ranks are dropped one after another until a text fits. Nothing that a diagnosis rests on is in a
rank: spec ports, selectors, images, env, probes, replicas, resources, messages, reasons, and
conditions that are not as they should be.
"""

from typing import Final

from guardrails.actions.tables import tokens

RANKS: Final[tuple[frozenset[str], ...]] = (
    tokens(
        "managedFields kubectl.kubernetes.io/last-applied-configuration uid resourceVersion"
        " generation observedGeneration selfLink generateName imageID containerID podIPs hostIPs"
        " terminationMessagePath terminationMessagePolicy enableServiceLinks preemptionPolicy"
        " blockOwnerDeletion controllerRevision defaultMode lastProbeTime lastUpdateTime"
        " pod-template-hash controller-revision-hash kompose.cmd kompose.version tolerations"
        " schedulerName qosClass internalTrafficPolicy ipFamilies ipFamilyPolicy"
        " sidecar.istio.io/statsInclusionPrefixes sidecar.istio.io/statsInclusionRegexps"
    ),
    tokens(
        "creationTimestamp dnsPolicy securityContext clusterIPs sessionAffinity hostIP"
        " lastTransitionTime revisionHistoryLimit progressDeadlineSeconds priority"
        " terminationGracePeriodSeconds kube-root-ca.crt deprecatedSource reportingInstance"
        " eventTime controller serviceAccount references flags traceID startTime podIP"
        " kubectl.kubernetes.io/restartedAt traceIDs logs-uid processes-uid"
    ),
)
"""Names of keys in JSON and YAML."""

DESCRIBED_RANKS: Final[tuple[frozenset[str], ...]] = (
    frozenset(
        (
            "Container ID",
            "Image ID",
            "IPs",
            "Priority",
            "QoS Class",
            "Tolerations",
            "Optional",
            "ConfigMapOptional",
            "DownwardAPI",
            "TokenExpirationSeconds",
            "ConfigMapName",
            "Type (Volume)",
            "Session Affinity",
            "IP Families",
            "IP Family Policy",
            "Internal Traffic Policy",
            "MinReadySeconds",
            *RANKS[0],
        )
    ),
    frozenset(
        (
            "Annotations",
            "Start Time",
            "Volumes",
            "Mounts",
            "Node-Selectors",
            "Host Port",
            "Controlled By",
            "CreationTimestamp",
            "StrategyType",
            "RollingUpdateStrategy",
            "Started",
            "Priority Class Name",
            "IP",
        )
    ),
)
"""Names of lines in `kubectl describe`."""

TELLING: Final = tokens("podSelector namespaceSelector selector ingress egress Endpoints Selector")
"""Fields that mean something when they are empty: all pods, no traffic, nobody behind a Service."""

EMPTY_VALUES: Final = frozenset({"", "<none>", "<unset>", "{}", "[]", "null", '""', "0/TCP"})

GOOD_CONDITIONS: Final = tokens(
    "Ready ContainersReady Initialized PodScheduled PodReadyToStartContainers Available Progressing"
    " Complete Established NamesAccepted Synced Healthy ScalingActive AbleToScale"
)
"""Conditions that are well when `True`; all others are well when `False`."""

GOOD_REASONS: Final = tokens(
    "Scheduled Pulled Pulling Created Started SuccessfulCreate ScalingReplicaSet SuccessfulDelete"
    " LeaderElection Completed SuccessfulAttachVolume Provisioning ExternalProvisioning"
)
"""Reasons of events that tell of ordinary life."""

VITAL: Final = frozenset(
    {
        *tokens(
            "name image ports port targetPort containerPort nodePort hostPort replicas"
            " selector matchLabels"
            " matchLabels env value command args limits requests message reason phase state"
            " lastState waiting"
            " terminated exitCode restartCount ready kind namespace readinessProbe livenessProbe"
            " startupProbe httpGet tcpSocket path nodeName nodeSelector type status claimName key"
            " secretName configMapName serviceName data severity alertname hostNetwork affinity"
            " Name Namespace Image Port Ports TargetPort Endpoints Selector Replicas Status Reason"
            " Message State Ready Node Command Args Environment Limits Requests Liveness Readiness"
            " Startup"
            " service.name error level value memory cpu operationName NodePort"
        ),
        "Exit Code",
        "Last State",
        "Restart Count",
        "Service Account",
        "Pod Template",
        "Host Ports",
    }
)
"""Names of fields that are picked before others when all ranks are not enough."""


def is_fine(kind: str, status: str) -> bool:
    """Tell whether a condition is as it should be.

    >>> is_fine("Ready", "False"), is_fine("MemoryPressure", "False")
    (False, True)
    """
    return status == ("True" if kind in GOOD_CONDITIONS else "False")
