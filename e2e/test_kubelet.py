"""The node simulator decides from the spec: each fault is there while the spec holds it."""

from __future__ import annotations

import pytest

from e2e.kubelet.inputs import NodeInputs
from e2e.kubelet.lifecycle import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS
from e2e.kubelet.pods import PodLife, look, status_of
from e2e.kubelet.program import Exits, Outcome, Runs, parse_quantity, run
from e2e.objects import (
    Container,
    ContainerPort,
    EnvSource,
    EnvVar,
    KeyRef,
    Metadata,
    Pod,
    PodSpec,
    PodStatus,
    PortAction,
    Probe,
    Resources,
)

START = 1_000_000.0
NOTHING = NodeInputs(config_maps={}, secrets={})
SERVE = "mkdir -p /www\necho ok > /www/healthz\nexec httpd -f -p 8080 -h /www"


def shell(script: str, *, memory_limit: float | None = None, **environment: str) -> Outcome:
    """Run a script as a container would."""
    return run(["sh", "-c", script], environment=environment, memory_limit=memory_limit)


def server(
    *,
    image: str = "busybox:1.36",
    script: str = SERVE,
    env: tuple[EnvVar, ...] = (),
    probe: Probe | None = None,
    memory: str = "64Mi",
) -> Container:
    """Return a container like the app's."""
    return Container(
        name="server",
        image=image,
        command=["sh", "-c"],
        args=[script],
        env=list(env),
        ports=[ContainerPort(name="http", container_port=8080)],
        readiness_probe=probe,
        resources=Resources(limits={"memory": memory}),
    )


def status_after(
    container: Container, *, seconds: float, inputs: NodeInputs = NOTHING
) -> PodStatus:
    """Return the status of a pod with this container after it was looked at for a while."""
    pod = Pod(
        metadata=Metadata(name="web", namespace="shop", uid="u1", generation=1),
        spec=PodSpec(containers=[container], node_name="node-1"),
    )
    life = PodLife(ip="10.244.0.2", containers={})
    now = START
    while now <= START + seconds:
        life, _events = look(life, pod=pod, inputs=inputs, now=now)
        now += 0.1
    return status_of(life, pod=pod, now=now)


def waits_for(status: PodStatus) -> str:
    """Return the reason that the only container waits for, or nothing."""
    waiting = status.container_statuses[0].state.waiting
    return waiting.reason if waiting else ""


def is_ready(status: PodStatus) -> bool:
    """Return the Ready condition."""
    return any(each.type == "Ready" and each.status == "True" for each in status.conditions)


def test_a_server_listens_and_serves_what_was_written() -> None:
    """The app's script ends in a server on its port, with the file it made."""
    outcome = shell(SERVE)

    assert isinstance(outcome, Runs)
    assert outcome.ports == {8080}
    assert outcome.paths == {"/healthz"}


def test_unset_variable_ends_the_script_with_its_message() -> None:
    """`${NAME:?…}` ends the shell with 2 and says which variable."""
    outcome = shell(': "${PAYMENT_URL:?is not set}"\nexec httpd -f')

    assert outcome == Exits(code=2, reason="Error", log="sh: PAYMENT_URL: is not set")


def test_set_variable_lets_the_script_go_on() -> None:
    """The same script runs when the variable is there."""
    outcome = shell(': "${PAYMENT_URL:?is not set}"\nexec httpd -f', PAYMENT_URL="http://payment")

    assert isinstance(outcome, Runs)


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 3", 3),
        ("exec payment-server", 127),
        ("payment-server; true", 0),
        ("echo a && false", 1),
        ("sleep 1", 0),
    ],
)
def test_scripts_end_with_a_shells_code(script: str, code: int) -> None:
    """A script's exit code is that of its last statement, and 127 for what does not exist."""
    outcome = shell(script)

    assert isinstance(outcome, Exits)
    assert outcome.code == code


def test_command_that_does_not_exist_fails_to_start() -> None:
    """An argv[0] that the image lacks is the runtime's failure, not a program's exit."""
    outcome = run(["payment-server"], environment={}, memory_limit=None)

    assert isinstance(outcome, Exits)
    assert (outcome.code, outcome.reason) == (128, "StartError")


def test_allocation_above_the_limit_is_killed() -> None:
    """What the script fills its cache with decides, against the limit."""
    fill = 'head -c "${CACHE_MIB:-16}m" /dev/zero | tail -n 1 > /dev/null\nexec httpd -f'

    killed = shell(fill, memory_limit=parse_quantity("40Mi"), CACHE_MIB="48")
    fits = shell(fill, memory_limit=parse_quantity("128Mi"), CACHE_MIB="48")

    assert isinstance(killed, Exits)
    assert killed.reason == "OOMKilled"
    assert isinstance(fits, Runs)


@pytest.mark.parametrize(
    ("text", "number"), [("64Mi", 64 * 2**20), ("1G", 10**9), ("500m", 0.5), ("2", 2)]
)
def test_quantities(text: str, number: float) -> None:
    """Suffixes are Kubernetes' own."""
    assert parse_quantity(text) == number


def test_good_container_gets_ready() -> None:
    """An honest container runs and its pod is Ready."""
    status = status_after(server(), seconds=1)

    assert status.phase == "Running"
    assert is_ready(status)


def test_unknown_image_is_not_pulled() -> None:
    """An image that no registry has leaves the pod pending, first with one reason, then two."""
    at_once = status_after(server(image="busybox:missing"), seconds=0)
    later = status_after(server(image="busybox:missing"), seconds=2)

    assert waits_for(at_once) == "ErrImagePull"
    assert waits_for(later) == "ImagePullBackOff"
    assert later.phase == "Pending"


def test_failing_program_backs_off_with_growing_restarts() -> None:
    """Restarts come at growing distances and the last end is kept."""
    status = status_after(server(script="exit 3"), seconds=20)

    container = status.container_statuses[0]
    slowest = 20 / FIRST_BACKOFF_SECONDS
    fastest = 20 / (LONGEST_BACKOFF_SECONDS + 1)
    assert fastest <= container.restart_count < slowest
    assert container.last_state.terminated is not None
    assert container.last_state.terminated.exit_code == 3
    assert not is_ready(status)


@pytest.mark.parametrize("port", [9999, "web"])
def test_probe_of_a_port_that_nothing_has_never_succeeds(port: int | str) -> None:
    """A wrong number and a wrong name both leave the pod running and unready."""
    probe = Probe(http_get=PortAction(port=port, path="/healthz"))

    status = status_after(server(probe=probe), seconds=5)

    assert status.phase == "Running"
    assert not is_ready(status)


def test_probe_of_a_path_that_is_not_served_never_succeeds() -> None:
    """The server answers 404 for what was not written."""
    probe = Probe(http_get=PortAction(port="http", path="/ready"))

    assert not is_ready(status_after(server(probe=probe), seconds=5))


def test_missing_config_map_holds_the_container_until_it_exists() -> None:
    """A reference to nothing is reported, and creating it mends the same pod."""
    source = EnvSource(config_map_key_ref=KeyRef(name="settings", key="currency"))
    container = server(env=(EnvVar(name="CURRENCY", value_from=source),))
    there = NodeInputs(config_maps={("shop", "settings"): {"currency": "EUR"}}, secrets={})

    assert waits_for(status_after(container, seconds=2)) == "CreateContainerConfigError"
    assert is_ready(status_after(container, seconds=2, inputs=there))


def test_unchanged_status_is_the_same_value() -> None:
    """Looking again without a change gives an equal status, so nothing is written."""
    pod = Pod(
        metadata=Metadata(name="web", namespace="shop", uid="u1"),
        spec=PodSpec(containers=[server()], node_name="node-1"),
    )
    life = PodLife(ip="10.244.0.2", containers={})
    for moment in (START, START + 0.1):
        life, _events = look(life, pod=pod, inputs=NOTHING, now=moment)
    first = status_of(life, pod=pod, now=START + 1)
    again = Pod(metadata=pod.metadata, spec=pod.spec, status=first)
    life, events = look(life, pod=again, inputs=NOTHING, now=START + 60)

    assert status_of(life, pod=again, now=START + 60) == first
    assert events == ()
