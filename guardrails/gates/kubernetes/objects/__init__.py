"""Kubernetes objects, cut down to the fields that checks look at; one file per kind family.

Decoded straight from the API server's bytes. Every field has a default and every list may be
null, because real servers send `endpoints: null`, `ports: null` and `status: {}` in exactly the
states that matter; fields that are not named are skipped.
"""

from guardrails.gates.kubernetes.objects.batch import CronJob, Job
from guardrails.gates.kubernetes.objects.capacity import (
    HorizontalPodAutoscaler,
    LimitRange,
    Namespace,
    Node,
    PersistentVolumeClaim,
    PodDisruptionBudget,
    ResourceQuota,
)
from guardrails.gates.kubernetes.objects.chaos import (
    AnyChaos,
    DNSChaos,
    HTTPChaos,
    IOChaos,
    JVMChaos,
    KernelChaos,
    NetworkChaos,
    PodChaos,
    Schedule,
    StressChaos,
    TimeChaos,
)
from guardrails.gates.kubernetes.objects.config import ConfigMap, Role, RoleBinding, ServiceAccount
from guardrails.gates.kubernetes.objects.custom import CustomResource, CustomResourceDefinition
from guardrails.gates.kubernetes.objects.mesh import (
    AuthorizationPolicy,
    DestinationRule,
    PeerAuthentication,
    VirtualService,
)
from guardrails.gates.kubernetes.objects.meta import (
    LAST_APPLIED,
    REVISION,
    SERVICE_NAME,
    Annotations,
    Condition,
    LabelSelector,
    Metadata,
    OwnerReference,
)
from guardrails.gates.kubernetes.objects.network import (
    Endpoint,
    EndpointSlice,
    Ingress,
    IngressClass,
    NetworkPolicy,
    Service,
    ServicePort,
)
from guardrails.gates.kubernetes.objects.pods import Container, ContainerStatus, Pod
from guardrails.gates.kubernetes.objects.templates import (
    ContainerPort,
    PodTemplate,
    TemplateContainer,
)
from guardrails.gates.kubernetes.objects.workloads import (
    ControllerRevision,
    DaemonSet,
    Deployment,
    ReplicaSet,
    StatefulSet,
    Workload,
)

KubeObject = (
    Deployment
    | StatefulSet
    | DaemonSet
    | ReplicaSet
    | ControllerRevision
    | Pod
    | Job
    | CronJob
    | Service
    | EndpointSlice
    | Ingress
    | IngressClass
    | NetworkPolicy
    | HorizontalPodAutoscaler
    | PodDisruptionBudget
    | ResourceQuota
    | LimitRange
    | PersistentVolumeClaim
    | Node
    | Namespace
    | ConfigMap
    | ServiceAccount
    | Role
    | RoleBinding
    | PeerAuthentication
    | AuthorizationPolicy
    | VirtualService
    | DestinationRule
    | AnyChaos
    | CustomResource
    | CustomResourceDefinition
)
"""Everything that a list may hold."""

__all__ = [
    "LAST_APPLIED",
    "REVISION",
    "SERVICE_NAME",
    "Annotations",
    "AnyChaos",
    "AuthorizationPolicy",
    "Condition",
    "ConfigMap",
    "Container",
    "ContainerPort",
    "ContainerStatus",
    "ControllerRevision",
    "CronJob",
    "CustomResource",
    "CustomResourceDefinition",
    "DNSChaos",
    "DaemonSet",
    "Deployment",
    "DestinationRule",
    "Endpoint",
    "EndpointSlice",
    "HTTPChaos",
    "HorizontalPodAutoscaler",
    "IOChaos",
    "Ingress",
    "IngressClass",
    "JVMChaos",
    "Job",
    "KernelChaos",
    "KubeObject",
    "LabelSelector",
    "LimitRange",
    "Metadata",
    "Namespace",
    "NetworkChaos",
    "NetworkPolicy",
    "Node",
    "OwnerReference",
    "PeerAuthentication",
    "PersistentVolumeClaim",
    "Pod",
    "PodChaos",
    "PodDisruptionBudget",
    "PodTemplate",
    "ReplicaSet",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "Schedule",
    "Service",
    "ServiceAccount",
    "ServicePort",
    "StatefulSet",
    "StressChaos",
    "TemplateContainer",
    "TimeChaos",
    "VirtualService",
    "Workload",
]
