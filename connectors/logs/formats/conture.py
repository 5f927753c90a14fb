"""ConTurE: the impression of each of the chatbot's turns."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.fields import content_or_placeholder, objects, rating, scale_number
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_RUBRIC = "helpfulness"
"""The rubric that these labels come closest to."""
_BEST_IMPRESSION = 2
"""The best of ConTurE's impressions: 0, 1, 2."""
_IMPRESSION = "overall impression"
_SIDES = (("user", "user"), ("chatbot", "assistant"))


def is_conture(value: Any) -> bool:
    """Return whether a JSON value is a dialogue of ConTurE."""
    turns = objects(value.get("turns")) if isinstance(value, dict) else []
    return any(turn.keys() >= {"user", "chatbot"} for turn in turns)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the dialogue, each of the chatbot's turns with its impression; labels of whole dialogues stay metadata."""
    conversation = ParsedConversation([], extra_metadata(record, {"turns"}))
    unknown = 0
    for number, turn in enumerate(record["turns"], 1):
        if not isinstance(turn, dict):
            conversation.remarks.append(f"exchange {number} is missing")
            continue
        for key, speaker in _SIDES:
            if key not in turn:
                continue
            about: dict[str, Any] = {}
            if speaker == "assistant" and turn.get(_IMPRESSION) is not None:
                label = scale_number(turn[_IMPRESSION], 0, _BEST_IMPRESSION)
                unknown += label is None
                if label is not None:
                    about["ratings"] = [rating(_IMPRESSION, label / _BEST_IMPRESSION, str(label), _RUBRIC)]
            # Each text begins with who says it.
            prefix = f"{key.capitalize()}: "
            conversation.turns.append(
                ParsedTurn(speaker, content_or_placeholder(turn[key]).removeprefix(prefix), None, None, about),
            )
    if unknown:
        conversation.remarks.append(f"{unknown} impressions are none of 0, 1 and 2 and are left out")
    return [conversation]


CONTURE = LogFormat(
    "conture",
    "ConTurE, with the impression (0, 1, 2) of each of the chatbot's turns.",
    '{"dialog_id": 0, "turns": [{"user": "User: Hi", "chatbot": "Chatbot: Hello", "overall impression": 2}]}',
    is_conture,
    read_record,
)
