"""Tools of public SRE agents and MCP servers, as they name themselves and as models call them."""

import json

import pytest

from guardrails.actions.classify import classify
from guardrails.actions.rules import ToolRules
from guardrails.core.toolaction import Effect, ToolAction, ToolAnnotations

_HINT = ToolAnnotations(read_only=True)
_R, _W, _D, _F = Effect.READ, Effect.WRITE, Effect.DESTRUCTIVE, Effect.FINISH


def _call(tool: str, **arguments: object) -> ToolAction:
    return classify(tool, json.dumps(arguments))


@pytest.mark.parametrize(
    ("effect", "tools"),
    [
        (_R, "wait wait_tool sleep TodoWrite glob is_healthy read_file get_dependency_graph"),
        (_R, "get_previous_rollbackable_cmd GetAlerts GetTopologyNodes NL2Metrics NL2Traces"),
        (_R, "kubectl_get_by_name kubectl_top_pods kubectl_previous_logs fetch_pod_logs"),
        (_R, "pods_log pods_top resources_list nodes_stats_summary configuration_view"),
        (_R, "list_namespaced_pod read_namespaced_pod_log helm_get_release deployment_status"),
        (_W, "rollback_command k8s_patch_resource resources_create_or_update resources_scale"),
        (_W, "patch_namespaced_deployment_scale cordon_node mute_alert apply_yaml edit_file"),
        (_D, "k8s_delete_resource pods_delete delete_namespaced_pod kubectl_delete drainNode"),
        (_F, "f_submit_tool r_submit_tool SubmitDiagnosis submitAnswer FinalAnswer TaskComplete"),
        (_F, "mcp__bench__submit bench.submit submit_tool agent_submit MCP__bench__FinalReport"),
    ],
)
def test_public_tools_by_their_names(effect: Effect, tools: str) -> None:
    """The names that benchmarks, HolmesGPT, kagent and Kubernetes MCP servers use."""
    for tool in tools.split():
        action = classify(tool, "{}")
        assert (tool, action.effect, action.understood) == (tool, effect, True)


@pytest.mark.parametrize(
    ("tool", "arguments", "effect"),
    [
        ("get_x", {"input": {"command": "kubectl delete ns x"}}, _D),
        ("get_x", {"params": [{"cmd": "rm -rf /"}]}, _D),
        ("get_x", {"input": '{"command": "rm -rf /"}'}, _D),
        ("get_x", {"shellCommand": "rm -rf /"}, _D),
        ("get_x", {"kubectl-command": "kubectl delete ns x"}, _D),
        ("get_x", {"commands": [{"command": "ls"}, {"command": "rm x"}]}, _D),
        ("get_x", {"args": {"kwargs": {"cmd": "kubectl get pods"}}}, _R),
        ("apply_manifest", {"manifest": {"command": ["rm", "-rf", "/x"]}}, _W),
        ("kubectl_delete_pod", {"command": "ls"}, _D),
        ("kubectl", {"commands": ["get pods", "delete pod x"]}, _D),
        ("kubectl", {"command": "get pods\nget svc"}, _R),
    ],
)
def test_a_command_line_is_found_where_it_hides(
    tool: str, arguments: dict[str, object], effect: Effect
) -> None:
    """A reading name does not cover a line within its arguments; a manifest's text is data."""
    assert _call(tool, **arguments).effect is effect


@pytest.mark.parametrize(
    ("tool", "arguments", "effect", "understood"),
    [
        ("pods", {"action": "delete", "name": "x"}, _D, True),
        ("k8s_deployments", {"operation": "scale"}, _W, True),
        ("kubernetes_resource", {"action": "list"}, _R, True),
        ("kubernetes_resource", {"action": "frob"}, _W, False),
        ("kubectl_rollout", {"subCommand": "restart"}, _W, True),
        ("kubectl", {"verb": "get", "resource": "pods"}, _W, False),
        ("kubectl", {"verb": "delete", "resource": "pods"}, _D, False),
        ("fetch", {"method": "DELETE", "url": "http://x"}, _D, True),
        ("fetch", {"method": "POST", "url": "http://x"}, _W, True),
        ("fetch", {"method": "GET", "url": "http://x"}, _R, True),
        ("fetch", {"method": "POST", "url": "http://p/api/v1/query"}, _R, True),
        ("update_pod", {"action": "get"}, _W, True),
        ("analyze_metrics", {"method": "zscore"}, _R, True),
        ("run_query", {"query": "up == 0", "action": "delete"}, _D, True),
    ],
)
def test_an_operation_among_the_arguments_can_only_raise_what_the_name_says(
    tool: str, arguments: dict[str, object], effect: Effect, *, understood: bool
) -> None:
    """`pods(action="delete")` is no look at pods."""
    action = _call(tool, **arguments)
    assert (action.effect, action.understood) == (effect, understood)


@pytest.mark.parametrize(
    ("tool", "effect"),
    [
        ("frobnicate", _R),
        ("run_query", _R),
        ("generate_report", _R),
        ("scale_deployment", _W),
        ("create_silence", _W),
        ("delete_pod", _D),
    ],
)
def test_a_read_only_hint_explains_a_vague_name_and_never_contradicts_a_plain_one(
    tool: str, effect: Effect
) -> None:
    """MCP: clients must not trust annotations of servers; the name is the better witness."""
    assert classify(tool, "{}", annotations=_HINT).effect is effect


def test_a_read_only_hint_does_not_cover_an_operation_of_the_arguments() -> None:
    """What the model asks for weighs more than what the tool says of itself."""
    found = classify("frobnicate", '{"action": "delete"}', annotations=_HINT)
    assert found.effect is Effect.DESTRUCTIVE


def test_a_prefix_makes_no_strangers_tool_trusted() -> None:
    """Only lists that hold a tool back match without the server's prefix."""
    rules = ToolRules(read=("safe",), destructive=("wreck",))
    assert classify("evil__safe", "{}", rules=rules).effect is Effect.WRITE
    assert classify("evil__wreck", "{}", rules=rules).effect is Effect.DESTRUCTIVE


@pytest.mark.parametrize("tool", ["search_logs", "search_docs", "query_loki"])
def test_words_that_are_searched_for_are_no_sql(tool: str) -> None:
    """`delete from cache failed` is a log line to look for."""
    assert _call(tool, query="delete from cache failed").effect is Effect.READ
    assert _call("query_clickhouse", query="delete from cache").effect is Effect.DESTRUCTIVE
