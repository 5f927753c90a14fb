"""OpenAI's messages: objects with `messages`, and bare lists."""

from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.message_lists import is_openai, parse_conversation

OPENAI = LogFormat(
    "openai",
    "OpenAI messages as JSON Lines, a JSON array, one object, or a bare array of messages; also a message a "
    "line with its conversation's id.",
    '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}',
    is_openai,
    parse_conversation,
    # Any list of messages: formats with more of their own hold such lists too.
    precedence=-5,
)
