"""Log readers: a chat log of any known format becomes conversations, one module a family of formats."""

from .formats import FORMATS
from .reading import read_log
from .table import ColumnMap

__all__ = ["FORMATS", "ColumnMap", "read_log"]
