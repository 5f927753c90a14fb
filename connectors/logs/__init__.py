"""Log readers: a chat log of any known format becomes conversations, one module a family of formats."""

from .drafts import Draft, Entry, Said, UnreadableError
from .form import Format
from .formats import FORMATS, formats
from .reading import Inspected, check_reading, inspect_log, read_log
from .table import ColumnMap

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
    "formats",
    "inspect_log",
    "read_log",
]
