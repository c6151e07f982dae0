"""What decides the rows of an output: rows of other settings are never put beside them."""

from enum import StrEnum

import msgspec

from guardrails.batch.lines import LINE_SCHEMA
from guardrails.batch.scale.table import Columns
from guardrails.version import VERSION


class PartForm(StrEnum):
    """What parts are."""

    PARQUET = "parquet"
    JSONL = "jsonl"


class PartitionKey(StrEnum):
    """What an output may be partitioned by."""

    MODEL = "model"
    FAULT = "fault"
    OUTCOME = "outcome"
    FORMAT = "format"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of each trace, and how rows are written."""

    form: PartForm = PartForm.PARQUET
    partition_by: tuple[PartitionKey, ...] = ()
    modes: tuple[str, ...] = ()
    """Those of interest, sorted; empty: all."""
    judge: str = ""
    columns: Columns = Columns()
    schema: int = LINE_SCHEMA
    version: str = VERSION
    """Of this program: another one may find something else."""
