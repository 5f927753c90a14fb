"""Amazon Lex: conversation logs (versions 1 and 2), a question with its answer each."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import decoded_json, first_text, object_at, objects
from convexplain.connectors.logs.engine.html_text import html_to_text
from convexplain.connectors.logs.engine.metadata import parse_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedTurn

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


LEX = DescribedFormat(
    "lex",
    "Amazon Lex's conversation logs, a question with its answer each.",
    '{"messageVersion": "2.0", "sessionId": "x1", "timestamp": "2024-05-01T10:00:00Z", "inputTranscript": "Hi", '
    '"messages": [{"content": "Hello", "contentType": "PlainText"}]}',
    keys=("inputTranscript", "messages|botResponse", "sessionId|userId"),
    parse=parse_entry,
    group="sessionId|userId",
    order="timestamp",
    precedence=1,
).log_format()
