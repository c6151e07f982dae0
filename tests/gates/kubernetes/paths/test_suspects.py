"""Silent changes: which count, which are only reported, and whether a mend is in effect."""

from datetime import timedelta
from typing import Any

import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.core.incident import Slo, Workload
from guardrails.gates.kubernetes.suspects import CONFIGURATION_IN_EFFECT, SUSPECT_CHANGE


def flagged(net: Any, flag: str = "off", *, how: str = "volume", image: str = "web:1") -> Any:
    """The shop, in which the web reads a flag."""
    now = net.shop()
    template = net.part(now, "Deployment", "web")["spec"]["template"]
    container = template["spec"]["containers"][0]
    container["image"] = image
    if how == "volume":
        template["spec"]["volumes"] = [{"name": "v", "configMap": {"name": "flags"}}]
    elif how == "key":
        source = {"configMapKeyRef": {"name": "flags", "key": "f"}}
        container["env"].append({"name": "FLAG", "valueFrom": source})
    elif how == "whole":
        container["envFrom"] = [{"configMapRef": {"name": "flags"}}]
    elif how == "literal":
        container["env"].append({"name": "FLAG", "value": f"it is {flag}"})
    else:
        container["args"] = [f"--flag=it is {flag}"]
    now["ConfigMap"] = [{"metadata": net.world.metadata("flags"), "data": {"f": flag}}]
    return now


@pytest.mark.parametrize("how", ["volume", "key", "whole", "literal", "args"])
def test_a_silent_change_that_is_still_there(net: Any, how: str) -> None:
    """Nothing measures its symptom, and nobody mended anything."""
    before, now = flagged(net, how=how), flagged(net, "on", how=how)
    (said,) = net.wrong(SUSPECT_CHANGE, now, before=before, start=now)
    assert said.startswith("web: changed between the reference and the start of the run")


def test_what_was_taken_back_is_no_suspect(net: Any) -> None:
    """Nor is what never changed, or changed only now."""
    off, on = flagged(net), flagged(net, "on")
    for objects, start in ((off, on), (off, off), (on, off)):
        assert net.judged(SUSPECT_CHANGE, objects, before=off, start=start) == []


def test_without_both_pictures_nothing_can_be_told(net: Any) -> None:
    """The start alone may hold the fault, the reference alone a release."""
    on = flagged(net, "on")
    assert net.judged(SUSPECT_CHANGE, on, start=on) == []
    assert net.judged(SUSPECT_CHANGE, on, before=flagged(net)) == []


def test_what_alerts_can_decide_is_only_reported(net: Any) -> None:
    """Their inputs, their rule and their window say whether the symptom is gone."""
    before, now = flagged(net), flagged(net, "on")
    for more in ({"alerts": (net.world.ALERT,)}, {"slo": (Slo(name="x", query="up > 0"),)}):
        given = {"before": before, "start": now, "incident": net.world.incident(**more)}
        assert net.wrong(SUSPECT_CHANGE, now, **given) == []
        assert len(net.aside(SUSPECT_CHANGE, now, **given)) == 1


def test_only_what_the_incident_is_about_counts(net: Any) -> None:
    """It names its workloads, or none."""
    before, now = flagged(net), flagged(net, "on")
    for name, wrong in (("web", 1), ("cart", 0)):
        incident = net.world.incident(workloads=(Workload(name=name),))
        given = {"before": before, "start": now, "incident": incident}
        assert len(net.wrong(SUSPECT_CHANGE, now, **given)) == wrong


def test_a_release_is_no_silent_change(net: Any) -> None:
    """Its settings came with its image."""
    now = flagged(net, "on", image="web:2")
    assert net.judged(SUSPECT_CHANGE, now, before=flagged(net), start=now) == []


def test_something_else_that_was_mended_leaves_it_to_the_report(net: Any) -> None:
    """The change may be innocent, and the trouble was elsewhere."""
    before, start = flagged(net), flagged(net, "on")
    now = net.with_(start, "NetworkPolicy", net.allowing("web"))
    assert net.wrong(SUSPECT_CHANGE, now, before=before, start=start) == []
    assert len(net.aside(SUSPECT_CHANGE, now, before=before, start=start)) == 1


def test_a_restart_and_more_replicas_mend_no_flag(net: Any) -> None:
    """They change neither template nor configuration."""
    before, start = flagged(net), flagged(net, "on")
    now = net.with_(start, "NetworkPolicy")
    net.part(now, "Deployment", "web")["spec"]["replicas"] = 5
    net.part(now, "Deployment", "web")["metadata"]["generation"] = 2
    assert len(net.wrong(SUSPECT_CHANGE, now, before=before, start=start)) == 1


def started(net: Any, objects: Any, seconds: float) -> Any:
    """Let the containers have started some time ago."""
    for pod in objects["Pod"]:
        state = {"running": {"startedAt": net.world.stamp(seconds)}}
        pod["status"]["containerStatuses"][0]["state"] = state
    return objects


@pytest.mark.parametrize("how", ["key", "whole"])
def test_a_variable_does_not_follow_its_config_map(net: Any, how: str) -> None:
    """It was mended, and the pods hold the fault until they start anew."""
    before, start = flagged(net, how=how), flagged(net, "on", how=how)
    given = {"before": before, "start": start}
    (said,) = net.wrong(CONFIGURATION_IN_EFFECT, flagged(net, how=how), **given)
    assert said.startswith("web: pod web-1-0 holds what ConfigMap flags")
    anew = started(net, flagged(net, how=how), -10)
    assert net.wrong(CONFIGURATION_IN_EFFECT, anew, **given) == []
    assert net.wrong(CONFIGURATION_IN_EFFECT, start, **given) == []


def test_pods_that_never_read_the_fault_need_no_restart(net: Any) -> None:
    """They run since before the reference, and the value is again what it was then."""
    before, start = flagged(net, how="key"), flagged(net, "on", how="key")
    given = {"before": before, "start": start}
    assert net.wrong(CONFIGURATION_IN_EFFECT, started(net, before, -7200), **given) == []
    other = started(net, flagged(net, "new", how="key"), -7200)
    assert len(net.wrong(CONFIGURATION_IN_EFFECT, other, **given)) == 1


def test_a_restart_after_the_write_is_waited_for(net: Any, world: Any) -> None:
    """Controllers react within seconds."""
    write = {"last_write_at": world.AT - timedelta(seconds=5)}
    before, start = flagged(net, how="key"), flagged(net, "on", how="key")
    (found,) = net.judged(
        CONFIGURATION_IN_EFFECT, flagged(net, how="key"), before=before, start=start, **write
    )
    assert (found.state, found.settles_by) == (
        EvidenceState.VIOLATED,
        world.AT + timedelta(seconds=10),
    )


def test_a_file_follows_its_config_map(net: Any) -> None:
    """The kubelet writes it anew; whether the program reads it again only alerts can tell."""
    given = {"before": flagged(net), "start": flagged(net, "on")}
    assert net.judged(CONFIGURATION_IN_EFFECT, flagged(net), **given) == []


def test_a_good_value_that_stays_in_the_pods_does_no_harm(net: Any) -> None:
    """It was so in the reference; without one it cannot be told."""
    now, off = flagged(net, "new", how="key"), flagged(net, how="key")
    assert net.wrong(CONFIGURATION_IN_EFFECT, now, before=off, start=off) == []
    assert len(net.aside(CONFIGURATION_IN_EFFECT, now, before=off, start=off)) == 1
    assert net.wrong(CONFIGURATION_IN_EFFECT, now, start=off) == []


@pytest.mark.parametrize("check", [SUSPECT_CHANGE, CONFIGURATION_IN_EFFECT])
def test_what_may_not_be_read_is_named(net: Any, world: Any, check: Any) -> None:
    """A refusal of ConfigMaps is set aside; one of workloads is not."""
    refused = world.judge(check, world.look(net.shop(), failed={"ConfigMap": world.FORBIDDEN}))
    assert [e.counts for e in refused] == [False]
    unread = world.judge(check, world.look(net.shop(), failed={"Deployment": world.FORBIDDEN}))
    assert [e.counts for e in unread] == [True]
