"""Answers of models as they were streamed: server-sent events, and their chunks as JSON."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from convexplain.connectors.logs.engine.call_payloads import parse_payload
from convexplain.connectors.logs.engine.json_values import parse_json
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)
from convexplain.connectors.logs.engine.paths import has_key
from convexplain.connectors.logs.engine.stream_chunks import is_chunk, streamed_answers

_FIELD = re.compile(r"(?:event|data|id|retry)\s*:|:|HTTP/\d")
_DATA = re.compile(r"data:\s*(?:\{|\[DONE\])", re.MULTILINE)
_REQUEST_KEYS = ("messages", "contents", "input")
_FIRST_LINES = 40
_MOST_LINES = 200
"""Lines of one event; hostile streams would be parsed again and again."""
_NO_REQUEST = "streamed answers are read without their requests, which are not in this log"


def is_event_stream(head: str) -> bool:
    """Return whether a text that begins so is a stream of server-sent events with JSON in them."""
    lines = [line for line in head.splitlines()[:_FIRST_LINES] if line.strip()]
    if not lines or _FIELD.match(lines[0]) is None or _DATA.search(head) is None:
        return False
    return lines[0].startswith("HTTP/") or sum(_FIELD.match(line) is not None for line in lines) * 2 > len(lines)


def read_text(text: LogText, _assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the answers in a stream of events, each with the request that stands before it, where there is one."""
    chunks: list[Any] = []
    request: list[ParsedTurn] = []
    count = unread = began = alone = 0
    for line, event in _events(text):
        value, error = parse_json(event) if event != "[DONE]" else (None, None)
        turns = parse_payload(value, "user", []) if isinstance(value, dict) and _is_request(value) else []
        if event == "[DONE]" or turns:
            records = list(_records(began, chunks, request, count, report))
            yield from records
            count += len(records)
            alone += len(records) if not request else 0
            chunks, request, began = [], turns, 0
        elif error is not None or not isinstance(value, dict):
            unread += 1
        else:
            began = began or line
            chunks.append(value)
    records = list(_records(began, chunks, request, count, report))
    yield from records
    alone += len(records) if not request else 0
    if unread:
        report(None, f"{unread} events that are no JSON objects are left out", kept=True)
    if alone:
        report(None, f"{alone} {_NO_REQUEST}", kept=True)


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the answers in chunks."""
    parsed = list(_records(records[0][0], [value for _, value in records], [], 0, report)) if records else []
    yield from parsed
    if parsed:
        report(None, f"{len(parsed)} {_NO_REQUEST}", kept=True)


def is_answer(value: Any) -> bool:
    """Return whether a JSON value is a chunk of an answer, or a whole one, without its request."""
    if is_chunk(value):
        return True
    if not isinstance(value, dict) or not value.keys().isdisjoint(_REQUEST_KEYS):
        return False
    return (
        value.get("object") == "chat.completion"
        or has_key(value, "candidates[*].content.parts")
        or (has_key(value, "message.role") and ("done" in value or "finish_reason" in value))
        or (has_key(value, "token.text") and "generated_text" in value)
    )


def _is_request(value: dict[str, Any]) -> bool:
    return not is_chunk(value) and not value.keys().isdisjoint(_REQUEST_KEYS)


def _records(
    position: int, chunks: Sequence[Any], request: Sequence[ParsedTurn], count: int, report: ProblemReporter
) -> Iterator[ParsedRecord]:
    for number, answer in enumerate(streamed_answers(chunks), count + 1):
        if not (turns := answer.turns()):
            report(position, "a streamed answer without text")
            continue
        conversation = ParsedConversation([*request, *turns])
        if answer.further:
            conversation.remarks.append(f"of {len(answer.further) + 1} choices the first is read")
        yield ParsedRecord(position, number, answer.id or None, [conversation])


def _events(text: LogText) -> Iterator[tuple[int, str]]:
    """Yield the data of each event, with the line where it begins; the lines of one event are one text."""
    pieces: list[str] = []
    began = 0
    for number, raw in text.lines():
        line = raw.rstrip("\r\n")
        if line.startswith("data:"):
            began = began or number
            piece = line[5:].removeprefix(" ")
            if pieces and piece.startswith(("{", "[DONE]")) and _is_whole(pieces):
                yield began, "\n".join(pieces)  # no blank line between two events
                pieces, began = [], number
            pieces.append(piece)
        elif not line.strip() and pieces:
            yield began, "\n".join(pieces).strip()
            pieces, began = [], 0
        elif line.startswith("{"):  # the request's body, which some tools write before the stream
            yield number, line
    if pieces:
        yield began, "\n".join(pieces).strip()


def _is_whole(pieces: Sequence[str]) -> bool:
    return len(pieces) > _MOST_LINES or parse_json("\n".join(pieces))[1] is None


SERVER_SENT_EVENTS = LogFormat(
    "server-sent-events",
    "Recorded streams of answers (`data: {…}`): OpenAI's, Anthropic's, Gemini's, Cohere's; an answer a conversation.",
    'data: {"messages": [{"role": "user", "content": "Hi"}]}\n\n'
    'data: {"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}\n\n'
    'data: {"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "lo"}}]}\n\n'
    "data: [DONE]\n",
    is_text=is_event_stream,
    read_text=read_text,
)

STREAM_CHUNKS = LogFormat(
    "stream-chunks",
    "Answers of models without their requests, whole or in the chunks of a stream, as JSON; an answer a conversation.",
    '{"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hel"}}]}\n'
    '{"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "lo"}}]}',
    is_answer,
    read_records=read_records,
    precedence=-6,
)
