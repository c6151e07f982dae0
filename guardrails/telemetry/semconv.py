"""Names of what goes out by OpenTelemetry: spans, events and attributes.

Our own names begin with `guarded_agent.` and are ours to keep. Those of the GenAI conventions are
all in "Development" (repository open-telemetry/semantic-conventions-genai, no tagged release by
November 2026) and may change, so they are written here and nowhere else. The conventions know no
guardrail yet: the proposal (their issue 427) speaks of verdict and action apart, and so do we.
"""

from typing import Final

# GenAI conventions.

OPERATION: Final = "gen_ai.operation.name"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"
"""Values of `OPERATION`, and the first word of those spans' names."""

CONVERSATION_ID: Final = "gen_ai.conversation.id"
AGENT_NAME: Final = "gen_ai.agent.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"

ERROR_TYPE: Final = "error.type"
"""Of the stable core of the conventions."""

OPENINFERENCE_KIND: Final = "openinference.span.kind"
GUARDRAIL: Final = "GUARDRAIL"
"""What tells Phoenix, and whoever else reads OpenInference, that a span is a guardrail's."""

# Spans of ours.

RUN_SPAN: Final = "guarded_agent.run"
GATE_SPAN: Final = "guarded_agent.gate"
WATCH_SPAN: Final = "guarded_agent.watch"

# Events of ours: names of span events and of log records, the same as of log lines.

FINDING: Final = "guarded_agent.finding"
FINDING_WITHDRAWN: Final = "guarded_agent.finding.withdrawn"
DECISION: Final = "guarded_agent.decision"
GATE_REPORTED: Final = "guarded_agent.gate.reported"
WATCH_REPORTED: Final = "guarded_agent.watch.reported"
RUN_ENDED: Final = "guarded_agent.run.ended"

# Attributes of ours.

STEP: Final = "guarded_agent.step"
STEPS: Final = "guarded_agent.steps"
SEQ: Final = "guarded_agent.seq"
"""The event in the trace that the record belongs to."""
ADAPTER: Final = "guarded_agent.adapter"
PROFILE: Final = "guarded_agent.profile"
POLICY: Final = "guarded_agent.policy"
"""Hash of the settings."""
SHADOW: Final = "guarded_agent.shadow"
PAUSED: Final = "guarded_agent.paused"
UNFINISHED: Final = "guarded_agent.unfinished"
"""True on a span that was closed although nobody said how it ended."""

MODE: Final = "guarded_agent.mode"
MODE_NAME: Final = "guarded_agent.mode.name"
DETECTOR: Final = "guarded_agent.detector"
SEVERITY: Final = "guarded_agent.severity"
CONFIDENCE: Final = "guarded_agent.confidence"
JUDGED: Final = "guarded_agent.judged"
WHY: Final = "guarded_agent.why"
ABOUT: Final = "guarded_agent.about"
QUOTES: Final = "guarded_agent.quotes"
"""The evidence of a finding; only where quotes are asked for."""

VERDICT: Final = "guarded_agent.verdict"
ACTION: Final = "guarded_agent.action"
NEXT: Final = "guarded_agent.next"
REASON: Final = "guarded_agent.reason"
CASCADE: Final = "guarded_agent.cascade"
DETAIL: Final = "guarded_agent.detail"
EFFECT: Final = "guarded_agent.effect"
PHASE: Final = "guarded_agent.phase"

GATE: Final = "guarded_agent.gate"
CLAIM: Final = "guarded_agent.claim"
TIER: Final = "guarded_agent.tier"
VIOLATED: Final = "guarded_agent.violated"
UNKNOWN: Final = "guarded_agent.unknown"
SUMMARY: Final = "guarded_agent.summary"
WATCH_END: Final = "guarded_agent.watch.end"

OUTCOME: Final = "guarded_agent.outcome"
MODES: Final = "guarded_agent.modes"
"""MAST modes of the findings that stand at the run's end."""
DECISIVE: Final = "guarded_agent.decisive"
"""Those of them that decide runs."""
TOOL_CALLS: Final = "guarded_agent.tool_calls"
REFUSALS: Final = "guarded_agent.refusals"
TOOL_STATUS: Final = "guarded_agent.tool.status"
TOOL_RESULT_SIZE: Final = "guarded_agent.tool.result.characters"

ATTRIBUTES: Final = frozenset(
    {
        OPERATION, CONVERSATION_ID, AGENT_NAME, PROVIDER, REQUEST_MODEL, FINISH_REASONS,
        INPUT_TOKENS, OUTPUT_TOKENS, TOOL_NAME, TOOL_CALL_ID, ERROR_TYPE, OPENINFERENCE_KIND,
        STEP, STEPS, SEQ, ADAPTER, PROFILE, POLICY, SHADOW, PAUSED, UNFINISHED, MODE, MODE_NAME,
        DETECTOR, SEVERITY, CONFIDENCE, JUDGED, WHY, ABOUT, QUOTES, VERDICT, ACTION, NEXT, REASON,
        CASCADE, DETAIL, EFFECT, PHASE, GATE, CLAIM, TIER, VIOLATED, UNKNOWN, SUMMARY, WATCH_END,
        OUTCOME, MODES, DECISIVE, TOOL_CALLS, REFUSALS, TOOL_STATUS, TOOL_RESULT_SIZE,
    }
)  # fmt: skip
"""Every attribute that is ever set."""
