"""Rasa: trackers (a conversation's events), and the rows of a tracker store, an event each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
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
_SESSION_ENDS = ("restart", "session_started")
_USED_KEYS = ("event", "text", "timestamp", "parse_data", "data", "name")

_PICKLED = "py/object"
_CLASSES = {
    "UserUttered": "user",
    "BotUttered": "bot",
    "ActionExecuted": "action",
    "SlotSet": "slot",
    "Restarted": "restart",
    "SessionStarted": "session_started",
}

_Event = Mapping[str, Any]


def is_tracker(value: Any) -> bool:
    """Return whether a JSON value is a tracker."""
    if not isinstance(value, dict) or not isinstance(value.get("events"), list):
        return False
    if _is_pickled(value):
        return True
    if value.keys().isdisjoint(("sender_id", "slots", "latest_message", "latest_event_time")):
        return False
    return not value["events"] or any(event.get("event") in _KINDS for event in _named_events(value["events"]))


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversations in a tracker: a restart or a new session begins another one.

    Actions, slots and other events without a text are left out, with a remark. Where a tracker has no texts of the bot,
    the actions by which the bot speaks (`utter_…`) stand for them.
    """
    is_pickled = _is_pickled(record)
    conversations = _sessions(list(map(_unpickled, record["events"])) if is_pickled else record["events"])
    _number_suffixes(conversations)
    for conversation in conversations if is_pickled else ():
        conversation.id = identifier(record, "name", "sender_id") or None
    if channel := first_text(record, "latest_input_channel"):
        for conversation in conversations:
            conversation.metadata["input_channel"] = channel
    return conversations


def _is_pickled(record: Mapping[str, Any]) -> bool:
    """Return whether a record is a dialogue that jsonpickle wrote: its events are named by their classes."""
    return any(_PICKLED in event and "rasa" in str(event[_PICKLED]) for event in objects(record["events"])[:20])


def _unpickled(event: Any) -> Any:
    """Return an event of jsonpickle's as trackers have it."""
    if not isinstance(event, dict):
        return event
    kind = str(event.get(_PICKLED, "")).rpartition(".")[2]
    fields = {
        **object_at(event, "py/state"),
        **{key: value for key, value in event.items() if not key.startswith("py/")},
    }
    name = {"name": fields.pop("action_name")} if "action_name" in fields else {}
    return {**fields, **name, "event": _CLASSES.get(kind, kind)}


def is_row(value: Any) -> bool:
    """Return whether a JSON value is a row of a tracker store."""
    return isinstance(value, dict) and value.keys() >= {"sender_id", "type_name", "data"} and "events" not in value


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations of each sender, in the order of the rows' ids where all have one."""
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
    for number, (sender, (position, sender_events)) in enumerate(senders.items(), 1):
        if all(order is not None for order, _ in sender_events):
            sender_events.sort(key=lambda item: item[0] or 0)
        conversations = _sessions([event for _, event in sender_events])
        _number_suffixes(conversations)
        yield ParsedRecord(position, number, sender or None, conversations)


def _named_events(events: Sequence[Any]) -> list[dict[str, Any]]:
    return [event for event in objects(events) if isinstance(event.get("event"), str)]


def _sessions(events: Sequence[Any]) -> list[ParsedConversation]:
    """Return the conversations in events; at least one, so that a remark on what is left out has a place."""
    conversations = [ParsedConversation([])]
    left_out: Counter[str] = Counter()
    silent: Counter[str] = Counter()
    worded = any(isinstance(event, dict) and event.get("event") == "bot" for event in events)
    for event in events:
        kind = event.get("event") if isinstance(event, dict) else None
        if kind in _SESSION_ENDS and conversations[-1].turns:
            conversations.append(ParsedConversation([]))
        if kind == "user":
            conversations[-1].turns.append(
                ParsedTurn(
                    "user",
                    content_or_placeholder(event.get("text")),
                    None,
                    parse_timestamp(event.get("timestamp")),
                    _event_metadata(event),
                ),
            )
        elif kind == "bot":
            conversations[-1].turns.append(
                ParsedTurn(
                    "bot", _bot_text(event), None, parse_timestamp(event.get("timestamp")), _event_metadata(event)
                ),
            )
        elif kind == "action" and not worded and first_text(event, "name").startswith("utter_"):
            name = first_text(event, "name")
            action_text = f"[action {' '.join(name.split())}]"
            conversations[-1].turns.append(
                ParsedTurn("bot", action_text, None, parse_timestamp(event.get("timestamp")), _event_metadata(event)),
            )
            silent[name] += 1
        else:
            left_out[kind if isinstance(kind, str) else "without a name"] += 1
    if left_out:
        conversations[0].remarks.append(
            f"{left_out.total()} events that are no messages are left out ({count_summary(left_out)})"
        )
    if silent:
        conversations[0].remarks.append(
            f"the log has no texts of the bot's, only the names of its actions ({count_summary(silent)})"
        )
    return [conversation for conversation in conversations if conversation.turns] or conversations[:1]


def _number_suffixes(conversations: Sequence[ParsedConversation]) -> None:
    """Number the conversations of one sender, where there are several."""
    for number, conversation in enumerate(conversations, 1):
        conversation.suffix = f"-{number}" if len(conversations) > 1 else ""


def _event_metadata(event: _Event) -> dict[str, Any]:
    metadata = extra_metadata(event, _USED_KEYS)
    if intent := first_text(object_at(event, "parse_data", "intent"), "name"):
        metadata["intent"] = intent
    return {key: value for key, value in metadata.items() if value not in ({}, [], "")}


def _bot_text(event: _Event) -> str:
    """Return the text of a bot's event, with placeholders for pictures, files and choices."""
    lines = [content_or_placeholder(event.get("text"))]
    data = object_at(event, "data")
    if data.get("image"):
        lines.append(file_placeholder("image"))
    if attachment := data.get("attachment"):
        payload = object_at(attachment, "payload") or object_at({"it": attachment}, "it")
        lines.append(file_placeholder(first_text(attachment, "type"), first_text(payload, "name", "title")))
    for key in ("buttons", "quick_replies"):
        if choices := [title for item in objects(data.get(key)) if (title := first_text(item, "title", "payload"))]:
            lines.append(f"[buttons: {' | '.join(choices)}]")
    lines += [
        f"[card: {title}]" for item in objects(data.get("elements")) if (title := first_text(item, "title", "subtitle"))
    ]
    if data.get("custom"):
        lines.append("[custom]")
    return "\n".join(filter(None, lines))


RASA = LogFormat(
    "rasa",
    "Rasa trackers, also as jsonpickle writes them: the user's and the bot's events; a restart or a new session begins "
    "another conversation.",
    '{"sender_id": "s1", "events": [{"event": "user", "text": "Hi", "timestamp": 1714557600.0}, '
    '{"event": "bot", "text": "Hello", "data": {}, "timestamp": 1714557601.0}]}',
    is_tracker,
    read_record,
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
    read_records=read_records,
)
