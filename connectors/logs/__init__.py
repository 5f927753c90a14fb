"""Log readers: a chat log of any known format becomes conversations, one module a family of formats."""

from convexplain.connectors.logs.engine.drafts import Draft, Entry, Said, UnreadableError
from convexplain.connectors.logs.engine.form import Format
from convexplain.connectors.logs.engine.reading import Inspected, check_reading, inspect_log, read_log
from convexplain.connectors.logs.engine.table import ColumnMap
from convexplain.connectors.logs.formats.registry import FORMATS

__all__ = [
    "FORMATS",
    "ColumnMap",
    "Draft",
    "Entry",
    "Format",
    "Inspected",
    "Said",
    "UnreadableError",
    "check_reading",
    "inspect_log",
    "read_log",
]
