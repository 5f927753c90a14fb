"""ShareGPT's conversations, turns by `from` and `value` or `role` and `content`."""

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_lists import is_sharegpt, parse_conversation

SHAREGPT = LogFormat(
    "sharegpt",
    "ShareGPT conversations, turns by from/value or role/content, in the same layouts.",
    '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}',
    is_sharegpt,
    parse_conversation,
    # Any list of turns: formats with more of their own hold such lists too.
    precedence=-5,
)
