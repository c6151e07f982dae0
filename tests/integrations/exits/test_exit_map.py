"""Which test covers which row of the notes on LangGraph's behaviour, and that each test exists.

The numbers are the notes' own: B0-B26 are behaviours of `create_agent` agents, 1.3 is the parent
graph around any graph with its caveats, 1.6 are the shapes of hand-built SRE agents. Rows of the
table in `test_exit_table.py` go through every adapter (the middleware; `guard(graph)`, with and
without the middleware inside; the outer loop, with and without it), synchronous and asynchronous.
"""

import ast
from pathlib import Path

import pytest
from exit_rows_answers import ANSWERS
from exit_rows_stops import STOPS

HERE = Path(__file__).parent.parent

IN_THE_TABLE = [
    "B0",
    "B0'",
    "B1",
    "B2",
    "B3",
    "B3'",
    "B4",
    "B6",
    "B7",
    "B8",
    "B8'",
    "B9",
    "B16",
    "B17",
    "B18",
    "B22",
    "B26",
    "1.3",
]

FLOWS, GRAPHS, HAND = (
    "exits/test_exit_flows.py",
    "graphs/test_guarded_graph.py",
    "graphs/test_hand_built.py",
)
PREBUILT, DRIVE, DRIVERS = (
    "graphs/test_prebuilt.py",
    "graphs/test_drive.py",
    "graphs/test_drivers.py",
)

ELSEWHERE: dict[str, tuple[str, ...]] = {
    # Names are LangChain's to check, and only of middleware.
    "B12": (f"{FLOWS}::test_b12_two_guards_of_one_name_are_refused",),
    # Injection by name is of hooks, and only middleware has hooks.
    "B19": (f"{FLOWS}::test_b19_hooks_take_the_runtime_by_its_name",),
    "B20": (
        f"{FLOWS}::test_b20_a_second_run_on_a_thread_is_judged_by_itself",
        f"{FLOWS}::test_b20_a_run_that_is_cut_short_does_not_inherit_an_outcome",
    ),
    # The outer loop streams to its `on_update` only.
    "B21": (
        f"{FLOWS}::test_b21_every_form_of_a_stream_is_one_run",
        f"{GRAPHS}::test_streams_show_the_graph_as_if_it_were_not_guarded",
        f"{GRAPHS}::test_refusals_and_ends_show_in_the_custom_stream",
        "middleware/test_exits.py::test_b21_stream_shows_which_answer_was_refused",
        f"{DRIVE}::test_updates_are_shown_as_they_come",
    ),
    "B22": (f"{FLOWS}::test_b7_a_question_nobody_answers_does_not_look_like_an_end",),
    # Under the outer loop nobody can resume, so there it is an end.
    "B23": (
        f"{FLOWS}::test_b23_a_drained_run_goes_on_where_it_stood",
        f"{FLOWS}::test_b23_a_drain_under_the_outer_loop_needs_a_person",
    ),
    "B24": (
        f"{PREBUILT}::test_sub_agents_of_deepagents_are_seen",
        f"{PREBUILT}::test_a_write_inside_a_sub_agent_is_blocked_and_the_agent_goes_on",
        f"{PREBUILT}::test_the_middleware_alone_sees_a_deep_agent_and_not_its_sub_agents",
    ),
    # A supervisor of langgraph-supervisor takes no middleware.
    "B25": (
        f"{PREBUILT}::test_a_supervisor_is_guarded",
        f"{PREBUILT}::test_a_forwarded_message_is_an_answer_and_its_call_is_repaired",
    ),
    "cancellation": (
        f"{FLOWS}::test_b6_a_signal_passes_and_leaves_its_end",
        f"{GRAPHS}::test_a_cancelled_run_is_aborted",
        f"{DRIVE}::test_a_cancelled_run_is_recorded_as_aborted",
        "middleware/test_runs.py::test_cancelled_run_is_aborted_and_stays_cancelled",
    ),
    "parallel runs": (f"{FLOWS}::test_runs_at_once_share_nothing",),
    # The parent graph is the form of `guard(graph)`; what it has in common with the outer loop
    # goes through both. The middleware has no parent.
    "1.3(1) private state kept across refusals": (
        f"{PREBUILT}::test_private_limits_of_a_middleware_survive_a_refusal",
    ),
    "1.3(2) reducer keys not duplicated": (
        f"{HAND}::test_reducers_that_add_do_not_double",
        f"{PREBUILT}::test_a_hand_off_to_the_end_is_judged",
    ),
    "1.3(3) inner events streamed": (
        f"{GRAPHS}::test_streams_show_the_graph_as_if_it_were_not_guarded",
        f"{GRAPHS}::test_the_second_form_of_parts_is_kept",
        f"{DRIVERS}::test_values_show_the_keys_that_the_graph_shows_and_none_of_the_guards",
    ),
    "1.3(4) threads from before the guard": (
        f"{DRIVERS}::test_a_thread_from_before_the_guard_is_not_taken_up",
        "middleware/test_runs.py::test_resumed_elsewhere_the_run_is_judged_all_the_same",
    ),
    "1.3(5) partial messages after an error": (
        f"{GRAPHS}::test_an_error_ends_in_the_state_or_is_raised_as_asked",
        f"{DRIVE}::test_a_run_that_breaks_after_a_question_keeps_what_was_seen_before",
    ),
    "1.3(6) recursion limit": (f"{GRAPHS}::test_the_recursion_limit_counts_inside",),
    "1.3 dangling calls repaired": (
        f"{PREBUILT}::test_a_forwarded_message_is_an_answer_and_its_call_is_repaired",
        "middleware/test_exits.py::test_dangling_calls_of_another_middlewares_end_are_answered",
    ),
    "1.3 what is no compiled graph": (f"{DRIVERS}::test_what_is_no_compiled_graph_is_named",),
    # Hand-built graphs take no middleware.
    "1.6 submit tools": (
        f"{HAND}::test_a_raised_flag_is_taken_back_by_a_refusal",
        f"{HAND}::test_a_submit_to_the_outside_is_held_in_a_tool_node",
    ),
    "1.6 own tool nodes": (
        f"{HAND}::test_own_tool_nodes_get_a_refusal_in_the_type_they_expect",
        f"{GRAPHS}::test_a_blocked_call_in_an_unguarded_node_goes_back_to_the_model",
    ),
    "1.6 own model clients": (
        f"{HAND}::test_steps_of_an_own_model_client_are_read_from_the_state",
        f"{HAND}::test_an_own_client_that_never_ends_spends_its_budget",
    ),
    "1.6 no messages at the top": (
        f"{HAND}::test_a_graph_without_messages_says_how_a_refusal_goes_in",
        f"{HAND}::test_a_claim_can_be_read_by_the_caller",
        f"{HAND}::test_a_graph_that_shows_nothing_is_stopped_too",
        f"{DRIVERS}::test_what_goes_in_is_no_claim",
        f"{DRIVERS}::test_a_report_of_an_earlier_run_is_no_claim_of_this_one",
    ),
    "1.6 forced ends": (
        f"{HAND}::test_a_forced_answer_at_a_step_limit_is_judged_like_any_other",
        f"{DRIVERS}::test_a_fallback_report_without_evidence_is_judged_like_any_other",
        f"{DRIVERS}::test_a_router_that_defaults_to_done_is_judged",
    ),
    "1.6 rewritten message lists": (
        f"{HAND}::test_a_rewritten_message_list_counts_every_turn_once",
    ),
    "1.6 drivers with a retry loop": (
        f"{DRIVERS}::test_a_driver_that_tries_again_gets_a_run_for_each_try",
        f"{DRIVERS}::test_the_state_is_read_after_the_run",
        f"{DRIVERS}::test_stops_that_the_caller_asks_for_hold",
    ),
}


@pytest.mark.parametrize("number", IN_THE_TABLE)
def test_the_table_has_a_row_of_every_number(number: str) -> None:
    """A row is named after its number."""
    assert [row.name for row in (*ANSWERS, *STOPS) if row.name.split()[0] == number]


def test_the_table_has_no_row_that_nobody_counts() -> None:
    """A new row's number stands in the map too."""
    assert {row.name.split()[0] for row in (*ANSWERS, *STOPS)} == set(IN_THE_TABLE)


@pytest.mark.parametrize("number", ELSEWHERE)
def test_what_the_table_cannot_show_is_shown_elsewhere(number: str) -> None:
    """Every test that the map names exists."""
    for named in ELSEWHERE[number]:
        path, _, test = named.partition("::")
        tree = ast.parse((HERE / path).read_text())
        functions = ast.FunctionDef | ast.AsyncFunctionDef
        assert test in {node.name for node in tree.body if isinstance(node, functions)}, named
