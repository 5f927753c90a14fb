"""JSON logs: each record's shape picks the family that makes a conversation of it."""

from collections.abc import Iterator
from typing import Any

from convexplain.errors import LogError

from . import hh, openai, sharegpt
from .drafts import Draft, Entry
from .formats import JSON_FORMATS, known
from .jsontext import Value, values
from .problems import Report, UnreadableError, shown
from .text import LogText
from .values import own_id

_TURN_KEYS = ("messages", "conversations", "conversation")
_TRIES = 20
"""Records without one of a known shape after which a file counts as no known log."""


def entries(text: LogText, wanted: str | None, report: Report) -> Iterator[Entry]:
    """The records of a JSON log.

    Args:
        text: the log.
        wanted: the one format that records may have; None for any of the known ones.
        report: is told of records that cannot be read.

    Raises:
        LogError: none of the first records (all of them in a short file) has a known shape.
    """
    held: list[tuple[int, str]] = []
    recognised = False
    for value in _joined(values(text)):
        reason = value.error
        if reason is None:
            if (family := shape(value.value)) is not None and wanted in (None, family):
                if not recognised:
                    recognised = True
                    for position, earlier in held:
                        report(position, earlier)
                if (entry := _entry(value, family, report)) is not None:
                    yield entry
                continue
            reason = f"{_seen(value.value)}: no record of {_names(wanted)}"
        if recognised:
            report(value.position, reason)
        else:
            held.append((value.position, reason))
            if len(held) >= _TRIES:
                break
    if not recognised:
        raise LogError(text.path, None, _unrecognised(held, wanted))


def shape(value: Any) -> str | None:
    """The format of a record, by its shape alone; None when it has no known one."""
    if isinstance(value, list):
        return _turns_shape(value)
    if not isinstance(value, dict):
        return None
    if hh.is_record(value):
        return "hh"
    if (key := _turn_key(value)) is None:
        return None
    return _turns_shape(value[key], key) or ("openai" if key == "messages" else "sharegpt")


def _turns_shape(turns: list[Any], key: str = "messages") -> str | None:
    if any(map(sharegpt.is_turn, turns)):
        return "sharegpt"
    if any(map(openai.is_message, turns)):
        return "openai" if key == "messages" else "sharegpt"
    if key != "messages" and any(isinstance(turn, dict) and isinstance(turn.get("from"), str) for turn in turns):
        return "sharegpt"  # every value is missing: no conversation, but told as what it is
    return None


def _turn_key(record: dict[str, Any]) -> str | None:
    """Where an object holds its turns: the first key with turns, else the first with an empty list."""
    lists = [key for key in _TURN_KEYS if isinstance(record.get(key), list)]
    filled = [key for key in lists if _turns_shape(record[key], key)]
    return next(iter(filled or [key for key in lists if not record[key]]), None)


def _entry(value: Value, family: str, report: Report) -> Entry | None:
    record = value.value
    own, own_key = own_id(record) if isinstance(record, dict) else (None, None)
    try:
        drafts = _drafts(record, family)
    except UnreadableError as error:
        report(value.position, str(error))
        return None
    except RecursionError:
        report(value.position, "JSON nested too deeply")
        return None
    for draft in drafts:
        draft.metadata.pop(own_key or "", None)
    return Entry(value.position, value.number, own, drafts)


def _drafts(record: Any, family: str) -> list[Draft]:
    if family == "hh":
        return hh.drafts(record)
    module = sharegpt if family == "sharegpt" else openai
    if isinstance(record, list):
        _one_conversation(record)
        return [module.draft(record)]
    key = _turn_key(record) or "messages"
    return [module.draft(record, key)]


def _one_conversation(messages: list[Any]) -> None:
    """Refuses a bare list whose messages say that they are of several conversations."""
    for key in ("conversation_id", "conversationId", "dialogue_id", "session_id", "thread_id", "chat_id"):
        ids = {str(message[key]) for message in messages if isinstance(message, dict) and key in message}
        if len(ids) > 1:
            raise UnreadableError(
                f"a list of messages of {len(ids)} conversations (by {key!r}); put each one's messages in a "
                'record {"messages": […]} of its own, or save them as CSV'
            )


def _joined(found: Iterator[Value]) -> Iterator[Value]:
    """The values, the messages of a bare top-level array joined to one list again."""
    messages: list[Any] = []
    first: Value | None = None
    decided = 0  # the last array that was looked at
    for value in found:
        if first is not None and value.group != first.group:
            yield Value(first.position, first.number, messages)
            first, messages = None, []
        if first is None and value.group and value.group != decided and value.error is None:
            decided = value.group
            if openai.is_message(value.value) or sharegpt.is_turn(value.value):
                first = value
        if first is not None and value.error is None:
            messages.append(value.value)
        else:
            yield value
    if first is not None:
        yield Value(first.position, first.number, messages)


def _seen(value: Any) -> str:
    if isinstance(value, dict):
        for key in _TURN_KEYS:  # here the items' keys are what tells it from a known format
            items = value.get(key)
            if isinstance(items, list) and items and isinstance(items[0], dict):
                return f"an object whose {key!r} begin with {_seen(items[0])}"
        return f"an object with the keys {shown(list(value))}" if value else "an empty object"
    return {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}.get(type(value), "a number")


def _names(wanted: str | None) -> str:
    return wanted or ", ".join(JSON_FORMATS)


def _unrecognised(held: list[tuple[int, str]], wanted: str | None) -> str:
    if not held:
        return "holds no records"
    position, reason = held[0]
    what = f"a {wanted} log" if wanted else "a log of a known format"
    return f"is not {what} (at {position}: {reason}). {known()}"
