"""The MAST taxonomy: fourteen ways in which agent runs fail.

Ids and names are those of Cemri et al., "Why Do Multi-Agent LLM Systems Fail?"
(arXiv 2503.13657v3). The glosses are ours. Which modes decide a run and which merely accompany
it is read from the IBM and UC Berkeley study of ITBench runs: a mode is `decisive` where its
likelihood ratio between failed and successful runs, pooled over three models with 0.5 added to
each cell, is at least 2.
"""

from enum import StrEnum
from typing import NamedTuple


class FailureMode(StrEnum):
    """A MAST mode, by its official id."""

    DISOBEY_TASK = "FM-1.1"
    DISOBEY_ROLE = "FM-1.2"
    STEP_REPETITION = "FM-1.3"
    LOSS_OF_HISTORY = "FM-1.4"
    UNAWARE_OF_TERMINATION = "FM-1.5"
    CONVERSATION_RESET = "FM-2.1"
    NO_CLARIFICATION = "FM-2.2"
    TASK_DERAILMENT = "FM-2.3"
    INFORMATION_WITHHOLDING = "FM-2.4"
    IGNORED_INPUT = "FM-2.5"
    REASONING_ACTION_MISMATCH = "FM-2.6"
    PREMATURE_TERMINATION = "FM-3.1"
    INCOMPLETE_VERIFICATION = "FM-3.2"
    INCORRECT_VERIFICATION = "FM-3.3"


class Weight(StrEnum):
    """How much a mode says about a run's fate."""

    DECISIVE = "decisive"
    STRUCTURAL = "structural"
    UNSEEN = "unseen"
    """Never marked in the study, which has a parser bug for two modes: no figure, not a zero."""


class ModeFacts(NamedTuple):
    """What is known of one mode."""

    name: str
    gloss: str
    weight: Weight


MODES: dict[FailureMode, ModeFacts] = {
    FailureMode.DISOBEY_TASK: ModeFacts(
        "Disobey task specification",
        "acts against a constraint that the task states",
        Weight.STRUCTURAL,
    ),
    FailureMode.DISOBEY_ROLE: ModeFacts(
        "Disobey role specification", "does the work of another role", Weight.DECISIVE
    ),
    FailureMode.STEP_REPETITION: ModeFacts(
        "Step repetition", "does again what is already done", Weight.STRUCTURAL
    ),
    FailureMode.LOSS_OF_HISTORY: ModeFacts(
        "Loss of conversation history", "falls back behind what it knew", Weight.DECISIVE
    ),
    FailureMode.UNAWARE_OF_TERMINATION: ModeFacts(
        "Unaware of termination conditions", "goes on when it should stop", Weight.DECISIVE
    ),
    FailureMode.CONVERSATION_RESET: ModeFacts(
        "Conversation reset", "starts over for no reason", Weight.DECISIVE
    ),
    FailureMode.NO_CLARIFICATION: ModeFacts(
        "Fail to ask for clarification", "acts on unclear input without asking", Weight.STRUCTURAL
    ),
    FailureMode.TASK_DERAILMENT: ModeFacts(
        "Task derailment", "drifts away from the objective", Weight.STRUCTURAL
    ),
    FailureMode.INFORMATION_WITHHOLDING: ModeFacts(
        "Information withholding", "keeps back what others needed", Weight.DECISIVE
    ),
    FailureMode.IGNORED_INPUT: ModeFacts(
        "Ignored other agent's input", "does not use what others said", Weight.UNSEEN
    ),
    FailureMode.REASONING_ACTION_MISMATCH: ModeFacts(
        "Reasoning-action mismatch", "does something other than it reasoned", Weight.STRUCTURAL
    ),
    FailureMode.PREMATURE_TERMINATION: ModeFacts(
        "Premature termination", "ends before the objective is met", Weight.DECISIVE
    ),
    FailureMode.INCOMPLETE_VERIFICATION: ModeFacts(
        "No or incomplete verification", "does not check its own result", Weight.UNSEEN
    ),
    FailureMode.INCORRECT_VERIFICATION: ModeFacts(
        "Incorrect verification", "checks, and concludes what is not so", Weight.DECISIVE
    ),
}
