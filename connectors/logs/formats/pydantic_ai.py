"""Pydantic AI's message histories (`ModelMessagesTypeAdapter`): lists of requests and responses with their parts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.content_blocks import call_part, result_part
from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import first_text, objects
from convexplain.connectors.logs.engine.metadata import parse_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.parts import Media, Part, Reasoning, Text

_SPEAKERS = {"system-prompt": "system", "user-prompt": "user", "retry-prompt": "user", "tool-return": "tool"}
_RESULTS = ("tool-return", "builtin-tool-return")
_CALLS = ("tool-call", "builtin-tool-call")
_MEDIA = ("image", "audio", "video")


def parse_message(message: Mapping[str, Any]) -> list[ParsedTurn]:
    """Return the turns in a request or a response: consecutive parts of one speaker are one turn."""
    at = parse_timestamp(message.get("timestamp"))
    turns: list[ParsedTurn] = []
    if instructions := first_text(message, "instructions"):
        turns.append(ParsedTurn("system", instructions))
    for part in objects(message.get("parts")):
        kind = first_text(part, "part_kind")
        speaker = _SPEAKERS.get(kind, "assistant" if message.get("kind") == "response" else "user")
        if kind == "retry-prompt" and part.get("tool_name"):
            speaker = "tool"
        turn = ParsedTurn.of_parts(
            speaker, list(_parts(part, kind)), None, parse_timestamp(part.get("timestamp")) or at
        )
        if turns and turns[-1].speaker == speaker == "assistant":
            turns.append(turns.pop().joined(turn))
        else:
            turns.append(turn)
    return [turn for joined in turns for turn in joined.without_results()]


def read_record(record: Any) -> list[ParsedConversation]:
    """Return the conversation in a list of messages; instructions that each request repeats come once."""
    conversations = _DESCRIBED.read_record(record)
    for conversation in conversations:
        texts: set[str] = set()
        turns = []
        for turn in conversation.turns:
            if turn.speaker != "system" or turn.content not in texts:
                turns.append(turn)
            texts.add(turn.content if turn.speaker == "system" else "")
        conversation.turns = turns
    return conversations


def _parts(part: Mapping[str, Any], kind: str) -> Iterator[Part]:
    content = part.get("content")
    if kind == "thinking":
        yield Reasoning(first_text(part, "content"))
    elif kind in _CALLS:
        yield call_part(part)
    elif kind in _RESULTS or (kind == "retry-prompt" and part.get("tool_name")):
        yield result_part(part)
    else:
        for piece in content if isinstance(content, list) else [content]:
            if isinstance(piece, str) and piece:
                yield Text(piece)
            elif isinstance(piece, dict):
                word = f"{piece.get('kind')} {piece.get('media_type')}"
                yield Media(next((medium for medium in _MEDIA if medium in word), "file"))


_DESCRIBED = DescribedFormat(
    "pydantic-ai",
    "Pydantic AI's message histories: lists of requests and responses with their parts.",
    '[{"kind": "request", "parts": [{"part_kind": "user-prompt", "content": "Hi"}]}, '
    '{"kind": "response", "parts": [{"part_kind": "text", "content": "Hello"}]}]',
    keys=("kind", "parts[*].part_kind"),
    messages=True,
    turns="messages[*]|all_messages[*]|new_messages[*]|message_history[*]|[*]",
    parse=parse_message,
)

PYDANTIC_AI = replace(_DESCRIBED.log_format(), read_record=read_record)
