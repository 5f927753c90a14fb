"""DialogStudio's dialogues."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import content_or_placeholder, identifier, objects, record_reader
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_TRIES = 20
"""Items of an object that are looked at."""
# DialogStudio names the two sides of a turn so; its summarization sets hold other words in the same places.
_USER_KEY, _SYSTEM_KEY = "user utterance", "system response"
_USED_KEYS = (_USER_KEY, _SYSTEM_KEY, "dialog history", "turn id")
_Conversations = Iterator[tuple[str | None, Sequence[ParsedConversation]]]


def is_dialogstudio(value: Any) -> bool:
    """Return whether a JSON value is a dialogue of DialogStudio, or an object of them by their names."""
    return _is_dialogue(value) or _holds_dialogues(value, _is_dialogue)


def conversations_of(value: Mapping[str, Any]) -> _Conversations:
    """Yield the dialogues in a record, each with its key as its id, or else with its original id."""
    if _is_dialogue(value):
        yield (
            identifier(value, "key", "new dialog id", "original dialog id", "dialog index") or None,
            [_parse_dialogue(value)],
        )
        return
    for name, dialogue in value.items():
        if _is_dialogue(dialogue):
            yield clean_text(name).strip() or None, [_parse_dialogue(dialogue)]


def _holds_dialogues(value: Any, test: Any) -> bool:
    """Return whether some of the first items of an object pass a test."""
    return isinstance(value, dict) and any(test(item) for _, item in zip(range(_TRIES), value.values(), strict=False))


def _is_dialogue(value: Any) -> bool:
    turns = objects(value.get("log")) if isinstance(value, dict) else []
    return any(_USER_KEY in turn and _SYSTEM_KEY in turn for turn in turns)


def _parse_dialogue(value: Mapping[str, Any]) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(value, {"log", "prompt"}))
    for number, turn in enumerate(value["log"], 1):
        if not isinstance(turn, dict) or turn.keys().isdisjoint((_USER_KEY, _SYSTEM_KEY)):
            conversation.remarks.append(f"turn {number} is missing")
            continue
        # A side that says nothing has an empty text: it is no turn.
        sides = [(key, content_or_placeholder(turn.get(key))) for key in (_USER_KEY, _SYSTEM_KEY)]
        about = {key: item for key, item in extra_metadata(turn, _USED_KEYS).items() if item not in ({}, [], "")}
        for key, content in sides:
            if content.strip():
                speaker = "user" if key == _USER_KEY else "assistant"
                conversation.turns.append(ParsedTurn(speaker, content, None, None, about))
    return conversation


DIALOGSTUDIO = LogFormat(
    "dialogstudio",
    "DialogStudio dialogues, an object of them by name or one a record.",
    '{"Set--train--1": {"original dialog id": "1", "log": [{"turn id": 1, "user utterance": "Hi", '
    '"system response": "Hello", "dialog history": ""}]}}',
    is_dialogstudio,
    read_records=record_reader(conversations_of),
)
