"""Anthropic's messages: requests and answers of its interface."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.api_messages import is_message, parse_messages
from convexplain.connectors.logs.engine.content_blocks import content_text, is_tool_block
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError
from convexplain.connectors.logs.engine.roles import role_of

_ANSWERS = ("response", "output", "result", "completion")


def is_anthropic(value: Any) -> bool:
    """Return whether a JSON value holds messages in Anthropic's form: with parts that only it has, with a system text
    in parts, or with an answer of the interface.
    """
    if isinstance(value, list):
        return any(map(_has_blocks, value))
    if not isinstance(value, dict):
        return False
    if _answer(value) is not None:
        return True
    messages = value.get("messages")
    if not isinstance(messages, list):
        return False
    return any(map(_has_blocks, messages)) or (isinstance(value.get("system"), list) and any(map(is_message, messages)))


def read_record(record: Mapping[str, Any] | list[Any]) -> list[ParsedConversation]:
    """Return the conversation in messages, or in a request with its answer.

    Raises:
        UnreadableError: there is no message.
    """
    conversation = ParsedConversation([])
    if isinstance(record, list):
        conversation.turns = parse_messages(record, conversation.remarks)
        return [conversation]
    request = record["request"] if isinstance(record.get("request"), dict) else record
    answer = _answer(record)
    listed = request.get("messages")
    messages = [*(listed if isinstance(listed, list) else []), *([answer] if answer is not None else [])]
    conversation.metadata = extra_metadata(
        record, {"messages", "system", "content", "role", "type", "request", *_ANSWERS}
    )
    if request.get("tools"):
        conversation.metadata |= extra_metadata({"tools": request["tools"]}, ())
    conversation.turns = parse_messages(messages, conversation.remarks)
    system = request.get("system")
    text = content_text(system)
    if text.strip() and not (conversation.turns and role_of(conversation.turns[0].speaker) == "system"):
        conversation.turns.insert(0, ParsedTurn("system", text))
    if not conversation.turns:
        raise UnreadableError("there is no message in it")
    return [conversation]


def _has_blocks(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("role"), str):
        return False
    content = value.get("content")
    return isinstance(content, list) and any(is_tool_block(part) or _is_source(part) for part in content)


def _is_source(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in ("image", "document") and isinstance(part.get("source"), dict)


def _answer(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the answer of Anthropic's interface in a record: the record itself, or beside its request."""
    for place in (value, *(value.get(key) for key in _ANSWERS)):
        inner = place.get("message") if isinstance(place, dict) and place.get("type") == "succeeded" else place
        if (
            isinstance(inner, dict)
            and inner.get("type") == "message"
            and inner.get("role") == "assistant"
            and isinstance(inner.get("content"), list)
            and "stop_reason" in inner
        ):
            return inner
    return None


ANTHROPIC = LogFormat(
    "anthropic",
    "Anthropic's messages: requests with `system` and parts of content (text, tool_use, tool_result, image, "
    "thinking), answers of its interface, and both together.",
    '{"messages": [{"role": "user", "content": "Hi"}], '
    '"response": {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}], '
    '"stop_reason": "end_turn"}}',
    is_anthropic,
    read_record,
    # Over `messages`; but traces and evaluation logs hold messages of Anthropic's interface.
    precedence=-3,
)
