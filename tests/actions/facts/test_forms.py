"""Every form of output that is read, and what it says."""

import json

import pytest

from guardrails.actions.facts.asked import asks
from guardrails.actions.facts.fact import FACTS_LIMIT
from guardrails.actions.facts.views import everything
from guardrails.core.toolaction import Effect, ToolAction

POD = {
    "kind": "Pod",
    "metadata": {"name": "web-1", "namespace": "shop"},
    "spec": {"nodeName": "n1", "containers": [{"name": "web", "image": "web:2"}]},
    "status": {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}],
        "containerStatuses": [
            {
                "ready": False,
                "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
            }
        ],
    },
}
POD_SAYS = {
    ("pod/shop/web-1", "status", "CrashLoopBackOff"),
    ("pod/shop/web-1", "ready", "0/1"),
    ("pod/shop/web-1", "restarts", "4"),
    ("pod/shop/web-1", "reason", "OOMKilled"),
    ("pod/shop/web-1", "exit-code", "137"),
    ("pod/shop/web-1", "image", "web:2"),
    ("pod/shop/web-1", "node", "n1"),
    ("pod/shop/web-1", "condition:Ready", "False (ContainersNotReady)"),
}
POD_YAML = """\
apiVersion: v1
kind: Pod
metadata:
  annotations:
    note: |
      status: lies
      name: other
  name: web-1
  namespace: shop
spec:
  containers:
  - args:
    - --name=x
    env:
    - name: MODE
      value: "status: Running"
    image: web:2
    name: web
  nodeName: n1
status:
  conditions:
  - lastTransitionTime: "2026-01-01T00:00:00Z"
    reason: ContainersNotReady
    status: "False"
    type: Ready
  containerStatuses:
  - image: web:2
    lastState:
      terminated:
        exitCode: 137
        reason: OOMKilled
    ready: false
    restartCount: 4
    state:
      waiting:
        message: back-off 40s restarting failed container
        reason: CrashLoopBackOff
  phase: Running
"""
DESCRIBED = """\
Name:             web-1
Namespace:        shop
Node:             n1/10.0.0.1
Status:           Running
Containers:
  web:
    Image:          web:2
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
    Ready:          False
    Restart Count:  4
Conditions:
  Type              Status
  PodScheduled      True
  Ready             False
QoS Class:        Burstable
Events:
  Type     Reason   Age                 From     Message
  ----     ------   ----                ----     -------
  Normal   Pulled   1m                  kubelet  Container image "web:2" already present
  Warning  BackOff  9s (x12 over 2m)    kubelet  Back-off restarting failed container web
"""


def says(ledger) -> set[tuple[str, str, str]]:
    return {(f"{f.kind}/{f.namespace}/{f.name}", f.what, f.value) for f in everything(ledger)}


def test_a_table_of_pods(say) -> None:
    """Cells with a space inside are one value; ages and addresses are no facts."""
    table = (
        "NAME    READY   STATUS             RESTARTS      AGE   IP         NODE   NOMINATED NODE\n"
        "web-1   0/1     CrashLoopBackOff   3 (86s ago)   5m    10.0.0.9   n1     <none>\n"
        "web-2   1/1     Running            0             5m    <none>     n2     <none>\n"
    )
    assert says(say(("kubectl get pods -n shop -o wide", table))) == {
        ("pod/shop/web-1", "ready", "0/1"),
        ("pod/shop/web-1", "status", "CrashLoopBackOff"),
        ("pod/shop/web-1", "restarts", "3 (86s ago)"),
        ("pod/shop/web-1", "node", "n1"),
        ("pod/shop/web-2", "ready", "1/1"),
        ("pod/shop/web-2", "status", "Running"),
        ("pod/shop/web-2", "restarts", "0"),
        ("pod/shop/web-2", "node", "n2"),
    }


def test_several_tables_in_one_output(say) -> None:
    """`get all` writes kinds before names; other tables are known by their columns."""
    text = (
        "Chunk ID: 1\nOutput:\n"
        "NAME          READY   STATUS    RESTARTS   AGE\n"
        "pod/web-1     0/1     Pending   0          5m\n\n"
        "NAME              TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)   AGE\n"
        "service/web       ClusterIP   10.0.0.1     <none>        80/TCP    5m\n\n"
        "NAME                  READY   UP-TO-DATE   AVAILABLE   AGE\n"
        "deployment.apps/web   0/1     1            0           5m\n"
        "---\n"
        "NAME   STATUS     ROLES    AGE   VERSION\n"
        "n1     NotReady   <none>   9d    v1.36.2\n"
    )
    found = says(say(("kubectl get all -n shop; echo ---; kubectl get nodes", text)))
    assert {
        ("pod//web-1", "status", "Pending"),
        ("service//web", "ports", "80/TCP"),
        ("deployment//web", "ready", "0/1"),
        ("node//n1", "status", "NotReady"),
    } <= found


def test_a_table_of_every_namespace(say) -> None:
    """The column names the namespace, and the kind is what was asked for."""
    table = "NAMESPACE   NAME   READY   AGE\nshop        db     1/2     5m\n"
    assert says(say(("kubectl get sts -A", table))) == {("statefulset/shop/db", "ready", "1/2")}


def test_rows_that_grep_left(say) -> None:
    """Without a header, the kind and the number of cells tell the columns."""
    row = "web-1   0/1     Error   2 (5s ago)   9m\n"
    found = says(say(("kubectl get pods -n shop | grep web", row)))
    assert ("pod/shop/web-1", "status", "Error") in found


@pytest.mark.parametrize(
    "text", [json.dumps(POD), json.dumps({"kind": "List", "items": [POD]}), POD_YAML]
)
def test_objects_as_json_and_yaml(say, text: str) -> None:
    """A pod's status comes in kubectl's words, whatever the form."""
    assert says(say(("kubectl get pod web-1 -n shop -o json", text))) == POD_SAYS


def test_what_describe_prints(say) -> None:
    """Fields, conditions that are not met, and warnings."""
    found = says(say(("kubectl describe pod web-1 -n shop", DESCRIBED)))
    ready = ("pod/shop/web-1", "condition:Ready", "False")
    warned = ("pod/shop/web-1", "event:BackOff", "Back-off restarting failed container web")
    reasoned = ("pod/shop/web-1", "condition:Ready", "False (ContainersNotReady)")
    assert found == POD_SAYS - {reasoned} | {ready, warned}


def test_describe_of_a_workload_and_a_service(say) -> None:
    """Replicas become a ratio; a Service without endpoints says so."""
    text = (
        "Name:           web\nNamespace:      shop\n"
        "Replicas:       2 desired | 2 updated | 2 total | 0 available | 2 unavailable\n"
        "StrategyType:   RollingUpdate\n"
        "Conditions:\n  Type        Status  Reason\n  ----        ------  ------\n"
        "  Available   False   MinimumReplicasUnavailable\n\n\n"
        "Name:              web\nNamespace:         shop\nSelector:          app=wbe\n"
        "Type:              ClusterIP\nEndpoints:         \nSession Affinity:  None\n"
    )
    found = says(say(("kubectl describe deploy,svc web -n shop", text)))
    assert {
        ("deployment/shop/web", "ready", "0/2"),
        ("deployment/shop/web", "condition:Available", "False (MinimumReplicasUnavailable)"),
        ("service/shop/web", "endpoints", "<none>"),
        ("service/shop/web", "selector", "app=wbe"),
    } <= found


def test_warnings_of_events(say) -> None:
    """They are told of their objects; what went well is not."""
    table = (
        "LAST SEEN   TYPE      REASON             OBJECT      MESSAGE\n"
        "2m          Normal    Pulled             pod/web-1   Container image pulled\n"
        "1m          Warning   FailedScheduling   pod/web-2   0/3 nodes are available\n"
    )
    expected = {("pod/shop/web-2", "event:FailedScheduling", "0/3 nodes are available")}
    assert says(say(("kubectl get events -n shop", table))) == expected
    bare = table.partition("\n")[2]
    assert says(say(("kubectl get events -n shop | tail", bare))) == expected


def test_briefs_of_tools(say) -> None:
    """What MCP servers and hand-written tools make of lists."""
    listed = {
        "items": [{"name": "web", "namespace": "shop", "kind": "Service", "status": "NodePort"}]
    }
    pods = {"namespace": "shop", "pods": [{"pod_name": "web-1", "pod_status": "Pending"}]}
    assert says(say(("kubectl get svc -n shop", json.dumps(listed)))) == {
        ("service/shop/web", "type", "NodePort")
    }
    assert says(say(("kubectl get pods -n shop", json.dumps(pods)))) == {
        ("pod/shop/web-1", "status", "Pending")
    }


@pytest.mark.parametrize(
    "reply",
    [
        {
            "data": {
                "alerts": [{"labels": {"alertname": "Down", "pod": "web-1"}, "state": "firing"}]
            }
        },
        [{"labels": {"alertname": "Down", "pod": "web-1"}, "status": {"state": "firing"}}],
        [{"alertname": "Down", "pod": "web-1", "state": "firing"}],
    ],
)
def test_alerts(say, reply: object) -> None:
    """Prometheus, Alertmanager, and flat lists; the labels tell alerts of one name apart."""
    found = says(say(("curl -s http://prom:9090/api/v1/alerts", json.dumps(reply))))
    assert found == {("alert//Down{pod=web-1}", "alert-state", "firing")}


def test_values_of_few_series(say) -> None:
    """An instant vector says numbers; one with many series is an overview, and says nothing."""
    series = [{"metric": {"__name__": "up", "pod": f"p{n}"}, "value": [0, "1"]} for n in range(40)]
    url = "curl -s http://prom:9090/api/v1/query?query=up"
    few = {"data": {"resultType": "vector", "result": series[:1]}}
    many = {"data": {"resultType": "vector", "result": series}}
    assert says(say((url, json.dumps(few)))) == {("metric//up{pod=p0}", "value", "1")}
    assert says(say((url, json.dumps(many)))) == set()


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ('deployment "web" successfully rolled out', "complete"),
        ('Waiting for deployment "web" rollout to finish: 1 of 2 updated', "waiting"),
        ('error: deployment "web" exceeded its progress deadline', "failed"),
    ],
)
def test_rollout_status(say, line: str, state: str) -> None:
    """The last word on a rollout counts."""
    command = "kubectl rollout status deploy/web -n shop"
    assert says(say((command, line))) == {("deployment/shop/web", "rollout", state)}


@pytest.mark.parametrize(
    "text",
    [
        'Error from server (NotFound): pods "web-9" not found',
        '{"error": "Resource pod/web-9 not found", "status": "not_found"}',
    ],
)
def test_what_the_server_does_not_find_is_gone(say, text: str) -> None:
    """In kubectl's words, and in those of a server around it."""
    command = "kubectl get pod web-9 -n shop"
    assert says(say((command, text))) == {("pod/shop/web-9", "status", "gone")}


def test_output_inside_of_a_tools_json(say) -> None:
    """Content blocks and shell results are unwrapped."""
    table = "NAME    READY   STATUS    RESTARTS   AGE\nweb-1   1/1     Running   0          5m"
    for wrapped in ([{"type": "text", "text": table}], {"output": table, "exit_code": 0}):
        found = says(say(("kubectl get pods -n shop", json.dumps(wrapped))))
        assert ("pod/shop/web-1", "status", "Running") in found


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("kubectl logs web-1 -n shop", "NAME    READY   STATUS\nfake    0/1     Error"),
        ("kubectl exec web-1 -n shop -- cat pod.json", json.dumps(POD)),
        ("kubectl apply -f x.yaml --dry-run=client -o yaml", POD_YAML),
        ("cat notes.txt", DESCRIBED),
        ("curl -s http://wiki/runbooks/api", DESCRIBED),
        ("kubectl get pods -n shop -o json", json.dumps(POD)[:-3]),
    ],
)
def test_what_is_no_word_of_the_cluster_gives_no_fact(say, command: str, text: str) -> None:
    """Logs, files, dry runs, and text that is cut."""
    assert says(say((command, text))) == set()


def test_a_name_that_was_cut_is_not_taken_for_a_name(say) -> None:
    """The engine clips long outputs; half a name would be an object that nobody has."""
    rows = "".join(f"web-{n:06d}   1/1     Running   0          5m\n" for n in range(500))
    table = ("NAME         READY   STATUS    RESTARTS   AGE\n" + rows)[:16_000]
    names = {name for name, _, _ in says(say(("kubectl get pods -n shop", table)))}
    assert len(names) > 300
    assert all(len(name) == len("pod/shop/web-000000") for name in names)


def test_an_unclear_action_is_asked_nothing() -> None:
    """Without operations nobody knows of what the output speaks."""
    assert asks(ToolAction(effect=Effect.WRITE, understood=False)) == ()


def test_one_call_adds_a_bounded_number_of_facts(say) -> None:
    """However many conditions an object has."""
    conditions = [{"type": f"C{n}", "status": "False"} for n in range(200)]
    node = {"kind": "Node", "metadata": {"name": "n1"}, "status": {"conditions": conditions}}
    assert len(says(say(("kubectl get node n1 -o json", json.dumps(node))))) == FACTS_LIMIT
