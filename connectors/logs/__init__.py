"""Log readers: a chat log of any known format becomes conversations; each format is one file of `formats`."""

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.field_map import FieldMap
from convexplain.connectors.logs.engine.joint_records import JointRecords
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.map_proposal import MapProposal
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    UnreadableError,
)
from convexplain.connectors.logs.engine.reader import LogInspection, check_reading, inspect_log, read_log
from convexplain.connectors.logs.engine.registry import LOG_FORMATS

__all__ = [
    "LOG_FORMATS",
    "DescribedFormat",
    "FieldMap",
    "JointRecords",
    "LogFormat",
    "LogInspection",
    "MapProposal",
    "ParsedConversation",
    "ParsedRecord",
    "ParsedTurn",
    "UnreadableError",
    "check_reading",
    "inspect_log",
    "read_log",
]
