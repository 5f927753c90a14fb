"""Tables with a turn a row. The engine reads them (`tables`), because the caller may name their columns."""

from convexplain.connectors.logs.engine.log_format import LogFormat

CSV = LogFormat(
    "csv",
    "A table, one turn a row, cells separated by comma, tab, semicolon or bar; columns for the "
    "conversation, the role and the content, found by their usual names or given.",
    "conversation_id,turn,role,content\n1,1,user,Hi\n1,2,assistant,Hello",
)
