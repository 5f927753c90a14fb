"""Dialogflow CX: rows of its BigQuery export, one for each exchange between user and agent."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    content_or_placeholder,
    decoded_json,
    file_placeholder,
    first_text,
    identifier,
    object_at,
    objects,
)
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_METADATA_KEYS = ("language_code", "derived_data", "conversation_signals", "bot_answer_feedback")
_MAX_DIGITS = 18
"""Digits of a turn's position."""

_Row = Mapping[str, Any]


def is_dialogflow(value: Any) -> bool:
    """Return whether a JSON value is a row of the export."""
    if not isinstance(value, dict) or not isinstance(value.get("conversation_name"), str):
        return False
    return not value.keys().isdisjoint(("request", "response")) and not value.keys().isdisjoint(
        ("turn_position", "request_time")
    )


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in a file's rows, in the order of `turn_position`; a row that comes twice counts once."""
    conversations: dict[str, tuple[int, list[tuple[int | None, _Row]]]] = {}
    for position, row in records:
        rows = conversations.setdefault(identifier(row, "conversation_name"), (position, []))[1]
        rows.append((_place(row), row))
    for number, (conversation_id, (position, rows)) in enumerate(conversations.items(), 1):
        conversation = ParsedConversation([])
        if all(place is not None for place, _ in rows):
            rows.sort(key=lambda item: item[0] or 0)
        else:
            conversation.remarks.append("not all rows have a 'turn_position': they are in the order of the file")
        twice = 0
        for at, (place, row) in enumerate(rows):
            if at and place is not None and rows[at - 1] == (place, row):
                twice += 1
                continue
            _add_row(conversation, row)
        if twice:
            conversation.remarks.append(f"{twice} rows are there twice and count once")
        yield ParsedRecord(position, number, conversation_id or None, [conversation])


def _place(row: _Row) -> int | None:
    place = identifier(row, "turn_position")
    return int(place) if place.isdecimal() and len(place) <= _MAX_DIGITS else None


def _add_row(conversation: ParsedConversation, row: _Row) -> None:
    """Add the user's and the agent's turn of a row."""
    request, response = decoded_json(row.get("request")), decoded_json(row.get("response"))
    for key, value in (("request", request), ("response", response)):
        if value is None and row.get(key) is not None:
            conversation.remarks.append(f"a {key!r} is no JSON and is left out")
    result = _object_at(response, "queryResult")
    at = parse_timestamp(row.get("request_time"))
    question = _question(_object_at(request, "queryInput"), result)
    about = extra_metadata({key: row[key] for key in _METADATA_KEYS if key in row}, ())
    intent = first_text(
        object_at(result, "match", "intent") or object_at(result, "intent"), "displayName", "display_name"
    )
    if question or not result:
        conversation.turns.append(
            ParsedTurn("user", question, None, at, about | ({"intent": intent} if intent else {}))
        )
    answers = [answer for item in objects(_get(result, "responseMessages")) if (answer := _answer(item))]
    if answers:
        page = first_text(_object_at(result, "currentPage"), "displayName", "display_name")
        conversation.turns.append(
            ParsedTurn("assistant", "\n".join(answers), None, None, {"page": page} if page else {})
        )


def _question(query: _Row, result: _Row) -> str:
    """Return the user's text, or a placeholder for digits, an event or a recording."""
    spoken = first_text(object_at(query, "text"), "text") or first_text(result, "text", "transcript")
    if spoken:
        return spoken
    if digits := first_text(object_at(query, "dtmf"), "digits") or first_text(_object_at(result, "dtmf"), "digits"):
        return f"[digits: {digits}]"
    if event := first_text(object_at(query, "event"), "event") or first_text(result, "triggerEvent", "trigger_event"):
        return f"[event: {event}]"
    if intent := first_text(object_at(query, "intent"), "intent") or first_text(
        result, "triggerIntent", "trigger_intent"
    ):
        return f"[intent: {intent}]"
    return "[audio]" if "audio" in query else ""


def _answer(item: _Row) -> str:
    """Return the text of one of the agent's messages; "" for one that only steers the program."""
    if texts := object_at(item, "text"):
        return content_or_placeholder(texts.get("text"))
    if spoken := _object_at(item, "outputAudioText"):
        return first_text(spoken, "text", "ssml")
    if "payload" in item:
        return "[payload]"
    if audio := _object_at(item, "playAudio"):
        return file_placeholder("audio", first_text(audio, "audioUri", "audio_uri"))
    if _get(item, "liveAgentHandoff") is not None:
        return "[handoff to a person]"
    if _get(item, "telephonyTransferCall") is not None:
        return "[call transferred]"
    return "[audio]" if _get(item, "mixedAudio") is not None else ""


def _get(record: Any, name: str) -> Any:
    """Return the value under a key, which may also be written with underscores."""
    if not isinstance(record, dict):
        return None
    snake_name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return record.get(name, record.get(snake_name))


def _object_at(record: Any, name: str) -> dict[str, Any]:
    inner = _get(record, name)
    return inner if isinstance(inner, dict) else {}


DIALOGFLOW_CX = LogFormat(
    "dialogflow-cx",
    "Dialogflow CX's BigQuery export: rows with a request and a response, in the order of turn_position.",
    '{"conversation_name": "c1", "turn_position": 1, "request": {"queryInput": {"text": {"text": "Hi"}}}, '
    '"response": {"queryResult": {"responseMessages": [{"text": {"text": ["Hello"]}}]}}}',
    is_dialogflow,
    read_records=read_records,
)
