"""Rasa: trackers (a conversation's events), and the rows of a tracker store, an event each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    add_turn,
    content_or_placeholder,
    count_summary,
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

_KIND_NAMES = (
    "user bot action slot session_started session_ended restart reset_slots rewind undo followup pause resume export "
    "reminder cancel_reminder entities user_featurization active_loop loop_interrupted form action_execution_rejected "
    "agent flow_started flow_completed flow_interrupted flow_resumed flow_cancelled stack"
)
_KINDS = frozenset(_KIND_NAMES.split())
_ENDS = ("restart", "session_started")
_USED = ("event", "text", "timestamp", "parse_data", "data", "name")

_Event = Mapping[str, Any]


def is_tracker(value: Any) -> bool:
    """Whether a JSON value is a tracker."""
    if not isinstance(value, dict) or not isinstance(value.get("events"), list):
        return False
    if value.keys().isdisjoint(("sender_id", "slots", "latest_message", "latest_event_time")):
        return False
    return not value["events"] or any(event.get("event") in _KINDS for event in _named(value["events"]))


def drafts(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """The conversations in a tracker: a restart or a new session begins another one.

    Actions, slots and other events without a text are left out, and remarked on; but where the bot's texts are nowhere
    in the tracker, the actions by which it says something (`utter_…`) stand for them.
    """
    found = _sessions(record["events"])
    _tell_apart(found)
    if channel := first_text(record, "latest_input_channel"):
        for draft in found:
            draft.metadata["input_channel"] = channel
    return found


def is_row(value: Any) -> bool:
    """Whether a JSON value is a row of a tracker store."""
    return isinstance(value, dict) and value.keys() >= {"sender_id", "type_name", "data"} and "events" not in value


def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations of each sender, in the order of the rows' ids where all have one."""
    senders: dict[str, tuple[int, list[tuple[int | None, Any]]]] = {}
    for position, row in records:
        event = decoded_json(row.get("data"))
        if not isinstance(event, dict):
            report(position, "the row's 'data' is no JSON object")
            continue
        place = identifier(row, "id")
        order = int(place) if place.isdecimal() and len(place) < 19 else None
        if "event" not in event:
            event = {**event, "event": row.get("type_name")}
        if "timestamp" not in event:
            event = {**event, "timestamp": row.get("timestamp")}
        senders.setdefault(identifier(row, "sender_id"), (position, []))[1].append((order, event))
    for number, (sender, (position, some)) in enumerate(senders.items(), 1):
        if all(order is not None for order, _ in some):
            some.sort(key=lambda item: item[0] or 0)
        found = _sessions([event for _, event in some])
        _tell_apart(found)
        yield ParsedRecord(position, number, sender or None, found)


def _named(events: Sequence[Any]) -> list[dict[str, Any]]:
    return [event for event in objects(events) if isinstance(event.get("event"), str)]


def _sessions(events: Sequence[Any]) -> list[ParsedConversation]:
    """The conversations in events; at least one, so that what is left out can be told."""
    found = [ParsedConversation([])]
    others: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    worded = any(isinstance(event, dict) and event.get("event") == "bot" for event in events)
    for event in events:
        kind = event.get("event") if isinstance(event, dict) else None
        if kind in _ENDS and found[-1].turns:
            found.append(ParsedConversation([]))
        if kind == "user":
            add_turn(
                found[-1],
                ParsedTurn(
                    "user",
                    content_or_placeholder(event.get("text")),
                    None,
                    parse_timestamp(event.get("timestamp")),
                    _about(event),
                ),
            )
        elif kind == "bot":
            add_turn(
                found[-1],
                ParsedTurn("bot", _shown(event), None, parse_timestamp(event.get("timestamp")), _about(event)),
            )
        elif kind == "action" and not worded and first_text(event, "name").startswith("utter_"):
            name = first_text(event, "name")
            shown = f"[action {' '.join(name.split())}]"
            add_turn(found[-1], ParsedTurn("bot", shown, None, parse_timestamp(event.get("timestamp")), _about(event)))
            silent[name] += 1
        else:
            others[kind if isinstance(kind, str) else "without a name"] += 1
    if others:
        found[0].remarks.append(f"{others.total()} events that are no messages are left out ({count_summary(others)})")
    if silent:
        found[0].remarks.append(
            f"the log has no texts of the bot's, only the names of its actions ({count_summary(silent)})"
        )
    return [draft for draft in found if draft.turns] or found[:1]


def _tell_apart(drafts: Sequence[ParsedConversation]) -> None:
    """Numbers the conversations of one sender, where there are several."""
    for number, draft in enumerate(drafts, 1):
        draft.suffix = f"-{number}" if len(drafts) > 1 else ""


def _about(event: _Event) -> dict[str, Any]:
    found = extra_metadata(event, _USED)
    if intent := first_text(object_at(event, "parse_data", "intent"), "name"):
        found["intent"] = intent
    return {key: value for key, value in found.items() if value not in ({}, [], "")}


def _shown(event: _Event) -> str:
    """What the bot shows: a text, pictures, files, and what may be chosen."""
    shown = [content_or_placeholder(event.get("text"))]
    data = object_at(event, "data")
    if data.get("image"):
        shown.append(file_placeholder("image"))
    if attachment := data.get("attachment"):
        payload = object_at(attachment, "payload") or object_at({"it": attachment}, "it")
        shown.append(file_placeholder(first_text(attachment, "type"), first_text(payload, "name", "title")))
    for key in ("buttons", "quick_replies"):
        if choices := [title for item in objects(data.get(key)) if (title := first_text(item, "title", "payload"))]:
            shown.append(f"[buttons: {' | '.join(choices)}]")
    shown += [
        f"[card: {title}]" for item in objects(data.get("elements")) if (title := first_text(item, "title", "subtitle"))
    ]
    if data.get("custom"):
        shown.append("[custom]")
    return "\n".join(filter(None, shown))


RASA = LogFormat(
    "rasa",
    "Rasa trackers: the user's and the bot's events; a restart or a new session begins another conversation.",
    '{"sender_id": "s1", "events": [{"event": "user", "text": "Hi", "timestamp": 1714557600.0}, '
    '{"event": "bot", "text": "Hello", "data": {}, "timestamp": 1714557601.0}]}',
    is_tracker,
    drafts,
    id_key="sender_id",
)


RASA_ROWS = LogFormat(
    "rasa-rows",
    "Rows of Rasa's tracker store, an event each.",
    '{"id": 1, "sender_id": "s1", "type_name": "user", "timestamp": 1714557600.0, "data": '
    '"{\\"event\\": \\"user\\", \\"text\\": \\"Hi\\"}"}\n'
    '{"id": 2, "sender_id": "s1", "type_name": "bot", "timestamp": 1714557601.0, "data": '
    '"{\\"event\\": \\"bot\\", \\"text\\": \\"Hello\\"}"}',
    is_row,
    read_records=joined,
)
