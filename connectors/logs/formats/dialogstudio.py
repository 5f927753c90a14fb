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
_ASKED, _ANSWERED = "user utterance", "system response"
_TURN_USED = (_ASKED, _ANSWERED, "dialog history", "turn id")
_Found = Iterator[tuple[str | None, Sequence[ParsedConversation]]]


def is_dialogstudio(value: Any) -> bool:
    """Whether a JSON value is a dialogue of DialogStudio, or an object of them by their names."""
    return _is_studio(value) or _holds(value, _is_studio)


def dialogstudio(value: Mapping[str, Any]) -> _Found:
    """The dialogues in a record, each called by the key that it has, or else by its original id."""
    if _is_studio(value):
        yield identifier(value, "key", "new dialog id", "original dialog id", "dialog index") or None, [_studio(value)]
        return
    for name, dialogue in value.items():
        if _is_studio(dialogue):
            yield clean_text(name).strip() or None, [_studio(dialogue)]


def _holds(value: Any, test: Any) -> bool:
    """Whether some of the first items of an object pass a test."""
    return isinstance(value, dict) and any(test(item) for _, item in zip(range(_TRIES), value.values(), strict=False))


def _is_studio(value: Any) -> bool:
    turns = objects(value.get("log")) if isinstance(value, dict) else []
    return any(_ASKED in turn and _ANSWERED in turn for turn in turns)


def _studio(value: Mapping[str, Any]) -> ParsedConversation:
    draft = ParsedConversation([], extra_metadata(value, {"log", "prompt"}))
    for number, turn in enumerate(value["log"], 1):
        if not isinstance(turn, dict) or turn.keys().isdisjoint((_ASKED, _ANSWERED)):
            draft.remarks.append(f"turn {number} is missing")
            continue
        # A side that says nothing has an empty text: it is no turn.
        sides = [(key, content_or_placeholder(turn.get(key))) for key in (_ASKED, _ANSWERED)]
        about = {key: item for key, item in extra_metadata(turn, _TURN_USED).items() if item not in ({}, [], "")}
        for key, content in sides:
            if content.strip():
                speaker = "user" if key == _ASKED else "assistant"
                draft.turns.append(ParsedTurn(speaker, content, None, None, about))
    return draft


DIALOGSTUDIO = LogFormat(
    "dialogstudio",
    "DialogStudio dialogues, an object of them by name or one a record.",
    '{"Set--train--1": {"original dialog id": "1", "log": [{"turn id": 1, "user utterance": "Hi", '
    '"system response": "Hello", "dialog history": ""}]}}',
    is_dialogstudio,
    read_records=record_reader(dialogstudio),
)
