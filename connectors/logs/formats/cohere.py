"""Cohere's chats, version 1: `message` with `chat_history`, and the answer's `text`."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.content_blocks import call_part, result_part
from convexplain.connectors.logs.engine.fields import first_text, object_at, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.connectors.logs.engine.paths import has_key
from convexplain.parts import Part, Text

_USED = ("message", "chat_history", "preamble", "text", "response", "request", "role", "tool_calls")


def is_cohere(value: Any) -> bool:
    """Return whether a JSON value is a request or an answer of Cohere's chats, or both."""
    if not isinstance(value, dict):
        return False
    place = object_at(value, "request") or value
    return (isinstance(place.get("message"), str) or isinstance(value.get("text"), str)) and (
        has_key(place, "chat_history[*].message") or "preamble" in place or "generation_id" in value
    )


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a request, in an answer, or in both together; the history of an answer holds it."""
    request, response = object_at(record, "request") or record, object_at(record, "response") or record
    history = objects(response.get("chat_history")) or objects(request.get("chat_history"))
    turns = [turn for message in history for turn in _turns(message)]
    preamble = first_text(request, "preamble")
    if preamble and not any(turn.content == preamble for turn in turns if turn.speaker == "SYSTEM"):
        turns.insert(0, ParsedTurn("system", preamble))
    if (question := first_text(request, "message")) and not any(turn.content == question for turn in turns[-2:]):
        turns.append(ParsedTurn("user", question))
    answer = list(
        _turns({"role": "CHATBOT", "message": response.get("text"), "tool_calls": response.get("tool_calls")})
    )
    if answer and answer[0].content != (turns[-1].content if turns else ""):
        turns += answer
    return [ParsedConversation(turns, extra_metadata({**response, **record}, _USED))]


def _turns(message: Mapping[str, Any]) -> Iterator[ParsedTurn]:
    text = first_text(message, "message")
    parts: list[Part] = [Text(text)] if text else []
    parts += map(_call, objects(message.get("tool_calls")))
    parts += map(_result, objects(message.get("tool_results")))
    if parts:
        yield from ParsedTurn.of_parts(first_text(message, "role") or "CHATBOT", parts).without_results()


def _call(call: Mapping[str, Any]) -> Part:
    return call_part({"name": call.get("name"), "arguments": call.get("parameters")})


def _result(result: Mapping[str, Any]) -> Part:
    name = first_text(object_at(result, "call"), "name")
    return result_part({"name": name, "output": [_output(output) for output in objects(result.get("outputs"))]})


def _output(output: Mapping[str, Any]) -> Any:
    (only,) = output.values() if len(output) == 1 else (output,)
    return only


COHERE = LogFormat(
    "cohere",
    "Cohere's chats, version 1: requests (`message`, `chat_history`), answers (`text`), and both together.",
    '{"message": "Hi", "chat_history": [], "preamble": "", "text": "Hello", "generation_id": "g1"}',
    is_cohere,
    read_record,
    id_key="generation_id",
)
