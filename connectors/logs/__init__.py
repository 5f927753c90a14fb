"""Log readers: a chat log of any known format becomes conversations; each format is one file of `formats`."""

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    UnreadableError,
)
from convexplain.connectors.logs.engine.reader import LogInspection, check_reading, inspect_log, read_log
from convexplain.connectors.logs.engine.registry import LOG_FORMATS
from convexplain.connectors.logs.engine.turn_table import ColumnMap

__all__ = [
    "LOG_FORMATS",
    "ColumnMap",
    "DescribedFormat",
    "LogFormat",
    "LogInspection",
    "ParsedConversation",
    "ParsedRecord",
    "ParsedTurn",
    "UnreadableError",
    "check_reading",
    "inspect_log",
    "read_log",
]
