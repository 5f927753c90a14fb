"""Amazon Lex: conversation logs (versions 1 and 2), a question with its answer each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import decoded_json, first_text, object_at, objects
from convexplain.connectors.logs.engine.html_text import html_to_text
from convexplain.connectors.logs.engine.metadata import parse_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedRecord, ParsedTurn, ProblemReporter

_SPOKEN = re.compile(r"\s*<speak\b")


def parse_entry(entry: Mapping[str, Any]) -> list[ParsedTurn]:
    """Return the turns in an entry of the log."""
    messages = entry.get("messages")
    answer = first_text(entry, "botResponse")
    if not messages:
        decoded = decoded_json(answer) if answer.startswith('{"messages"') else None
        messages = object_at({"answer": decoded}, "answer").get("messages") or [{"content": answer}]
    at = parse_timestamp(entry.get("timestamp"))
    text = "\n".join(line for message in objects(messages) for line in _lines(message))
    return [
        ParsedTurn("user", first_text(entry, "inputTranscript"), None, at),
        ParsedTurn("assistant", text, None, at),
    ]


def _lines(message: Mapping[str, Any]) -> Iterator[str]:
    content = first_text(message, "content", "value")
    if content:
        yield html_to_text(content) if _SPOKEN.match(content) else content
    card = object_at(message, "imageResponseCard")
    if title := first_text(card, "title"):
        yield f"[card: {title}]"
    if choices := [label for button in objects(card.get("buttons")) if (label := first_text(button, "text"))]:
        yield f"[buttons: {' | '.join(choices)}]"


def _entries(record: Any) -> list[Any]:
    """Return the entries in a record: it is one, or holds the texts of some, as CloudWatch returns them."""
    texts = [first_text(event, "message") for event in objects(object_at({"log": record}, "log").get("events"))]
    return [decoded_json(text) for text in texts] or [record]


def is_log(value: Any) -> bool:
    """Return whether a JSON value is an entry, or holds some."""
    if _DESCRIBED.has_keys(value):
        return True
    events = objects(value.get("events")) if isinstance(value, dict) else []
    return any(_IN_TEXT in first_text(event, "message") for event in events[:20])


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations of all sessions."""
    entries = [(position, entry) for position, record in records for entry in _entries(record)]
    readable = [item for item in entries if _DESCRIBED.has_keys(item[1])]
    if len(readable) < len(entries):
        report(None, f"left out: {len(entries) - len(readable)} events that are no entries of Lex", kept=True)
    yield from _DESCRIBED.read_records(readable, report)


_IN_TEXT = '"inputTranscript"'
_DESCRIBED = DescribedFormat(
    "lex",
    "Amazon Lex's conversation logs, also as CloudWatch returns them, a question with its answer each.",
    '{"messageVersion": "2.0", "sessionId": "x1", "timestamp": "2024-05-01T10:00:00Z", "inputTranscript": "Hi", '
    '"messages": [{"content": "Hello", "contentType": "PlainText"}]}',
    keys=("inputTranscript", "messages|botResponse", "sessionId|userId"),
    parse=parse_entry,
    group="sessionId|userId",
    order="timestamp",
    precedence=1,
)
LEX = replace(_DESCRIBED.log_format(), is_record=is_log, read_records=read_records)
