"""Voiceflow: transcripts, whose turns are requests of the user and traces of what the agent did."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import decoded_json, first_text, object_at, objects
from convexplain.connectors.logs.engine.html_text import html_to_text
from convexplain.connectors.logs.engine.metadata import parse_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_REQUESTS = ("request", "action")


def parse_turn(item: Mapping[str, Any]) -> list[ParsedTurn]:
    """Return what a user says in a request, or what the agent shows in a trace; nothing for a step of the program."""
    is_request = first_text(item, "format") in _REQUESTS
    body = object_at(item, "payload")
    payload = body.get("payload", body if "type" not in body else None)
    kind = first_text(body, "type") or first_text(item, "type")
    text = _request_text(payload) if is_request else "\n".join(filter(None, _lines(kind, payload)))
    return [ParsedTurn("user" if is_request else "assistant", text, None, parse_timestamp(item.get("startTime")))]


def _request_text(payload: Any) -> str:
    return payload if isinstance(payload, str) else first_text(payload, "query", "label", "message")


def _lines(kind: str, payload: Any) -> Iterator[str]:
    """Yield what the agent shows; pictures, cards and choices as placeholders."""
    if kind in ("text", "speak", "message", "completion"):
        text = payload if isinstance(payload, str) else first_text(payload, "message", "content")
        yield html_to_text(text) if kind == "speak" else text
    elif kind == "visual":
        yield "[image]"
    elif kind.startswith("card"):
        yield f"[card: {first_text(payload, 'title')}]"
    buttons = payload.get("buttons") if isinstance(payload, dict) else None
    if names := [name for button in objects(buttons) if (name := first_text(button, "name"))]:
        yield f"[buttons: {' | '.join(names)}]"


def read_logs(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversation in a transcript of the newer interface (`logs`)."""
    transcript = object_at(record, "transcript") or record
    turns = [
        {"format": entry.get("type"), "payload": decoded_json(entry.get("data")), "startTime": entry.get("createdAt")}
        for entry in objects(transcript.get("logs"))
    ]
    body = {key: value for key, value in transcript.items() if key not in ("logs", "history")}
    return [_TURNS.read_conversation(body, turns)]


_TURNS = DescribedFormat(
    "voiceflow",
    "Voiceflow's transcripts: lists of requests and traces.",
    '[{"turnID": "t1", "type": "request", "format": "request", "payload": {"type": "text", "payload": "Hi"}}, '
    '{"turnID": "t1", "type": "text", "format": "trace", "payload": {"type": "text", "payload": {"message": '
    '"Hello"}}}]',
    keys=("turnID", "format", "payload", "type"),
    messages=True,
    turns="[*]",
    parse=parse_turn,
    id="id|sessionID",
)
VOICEFLOW = _TURNS.log_format()

_LOGS = DescribedFormat(
    "voiceflow-logs",
    "Voiceflow's transcripts as its newer interface returns them (`logs`).",
    '{"transcript": {"id": "v1", "sessionID": "s", "logs": [{"type": "action", "data": {"type": "text", "payload": "Hi"'
    '}}, {"type": "trace", "data": {"type": "text", "payload": {"message": "Hello"}}}]}}',
    keys=("transcript.sessionID|sessionID", "transcript.logs[*].data|logs[*].data"),
)
VOICEFLOW_LOGS = replace(_LOGS.log_format(), read_record=read_logs)
