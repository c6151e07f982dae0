"""Experiments of Chaos Mesh (chaos-mesh.org/v1alpha1): what breaks things on purpose."""

from guardrails.gates.kubernetes.objects.meta import Condition, KubeObjectBase, Part


class ChaosSelector(Part, frozen=True, kw_only=True, gc=False):
    """Where an experiment strikes; without either, in its own namespace."""

    namespaces: tuple[str, ...] | None = None
    pods: dict[str, tuple[str, ...]] | None = None
    """Names of pods, by namespace."""


class ChaosTarget(Part, frozen=True, kw_only=True, gc=False):
    """The other end of a broken connection."""

    selector: ChaosSelector = ChaosSelector()


class ExperimentSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of one experiment."""

    selector: ChaosSelector = ChaosSelector()
    target: ChaosTarget | None = None
    action: str = ""
    duration: str = ""


class ScheduleSpec(Part, frozen=True, kw_only=True, gc=False):
    """Spec of a Schedule: when, and one experiment under the name of its kind."""

    type: str = ""
    schedule: str = ""
    pod_chaos: ExperimentSpec | None = None
    network_chaos: ExperimentSpec | None = None
    stress_chaos: ExperimentSpec | None = None
    http_chaos: ExperimentSpec | None = None
    io_chaos: ExperimentSpec | None = None
    dns_chaos: ExperimentSpec | None = None
    time_chaos: ExperimentSpec | None = None
    jvm_chaos: ExperimentSpec | None = None
    kernel_chaos: ExperimentSpec | None = None


class ExperimentPhase(Part, frozen=True, kw_only=True, gc=False):
    """What the controller is doing with an experiment."""

    desired_phase: str = ""
    """`Run`, or `Stop` when its duration is over or it is paused."""


class ExperimentStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of one experiment."""

    experiment: ExperimentPhase = ExperimentPhase()
    conditions: tuple[Condition, ...] | None = None


class ScheduleStatus(Part, frozen=True, kw_only=True, gc=False):
    """Status of a Schedule; that there is one is all that matters."""


class Experiment(KubeObjectBase, frozen=True, kw_only=True):
    """What the kinds of experiments share."""

    spec: ExperimentSpec = ExperimentSpec()
    status: ExperimentStatus = ExperimentStatus()


class Schedule(KubeObjectBase, frozen=True, kw_only=True, tag="Schedule"):
    """An experiment that comes again and again."""

    spec: ScheduleSpec = ScheduleSpec()
    status: ScheduleStatus = ScheduleStatus()


class PodChaos(Experiment, frozen=True, kw_only=True, tag="PodChaos"):
    """Kills pods and containers."""


class NetworkChaos(Experiment, frozen=True, kw_only=True, tag="NetworkChaos"):
    """Delays, loses and cuts traffic."""


class StressChaos(Experiment, frozen=True, kw_only=True, tag="StressChaos"):
    """Uses up CPU and memory."""


class HTTPChaos(Experiment, frozen=True, kw_only=True, tag="HTTPChaos"):
    """Breaks HTTP requests."""


class IOChaos(Experiment, frozen=True, kw_only=True, tag="IOChaos"):
    """Breaks file access."""


class DNSChaos(Experiment, frozen=True, kw_only=True, tag="DNSChaos"):
    """Answers names wrongly."""


class TimeChaos(Experiment, frozen=True, kw_only=True, tag="TimeChaos"):
    """Sets clocks wrong."""


class JVMChaos(Experiment, frozen=True, kw_only=True, tag="JVMChaos"):
    """Breaks Java programs from inside."""


class KernelChaos(Experiment, frozen=True, kw_only=True, tag="KernelChaos"):
    """Lets system calls fail."""


AnyChaos = (
    Schedule
    | PodChaos
    | NetworkChaos
    | StressChaos
    | HTTPChaos
    | IOChaos
    | DNSChaos
    | TimeChaos
    | JVMChaos
    | KernelChaos
)
"""Every kind that the gate looks for."""
