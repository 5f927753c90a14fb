"""Dialogue Breakdown Detection Challenges: everybody's label of each of the system's turns."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.fields import content_or_placeholder, identifier, objects, rating
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError

_RUBRIC = "helpfulness"
"""The rubric that these labels come closest to."""
_BREAKDOWNS = {"O": 1.0, "T": 0.5, "X": 0.0}
"""No breakdown, possibly one, surely one."""
_ROLES = {"S": "assistant", "U": "user"}
_USED_KEYS = ("speaker", "utterance", "annotations")
_NO_COMMENTS = (None, "", "-")


def is_dbdc(value: Any) -> bool:
    """Return whether a JSON value is a dialogue of the Dialogue Breakdown Detection Challenges."""
    turns = objects(value.get("turns")) if isinstance(value, dict) else []
    return any({"speaker", "utterance"} <= turn.keys() and "annotations" in turn for turn in turns)


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the dialogue, each of the system's turns with everybody's label.

    Raises:
        UnreadableError: a turn does not say who speaks.
    """
    conversation = ParsedConversation(
        [], {key: value for key, value in extra_metadata(record, {"turns"}).items() if value != ""}
    )
    unknown = 0
    for number, turn in enumerate(record["turns"], 1):
        if not isinstance(turn, dict):
            raise UnreadableError(f"turn {number} is no object")
        at, at_key = find_timestamp(turn)
        about = extra_metadata(turn, {*_USED_KEYS, at_key})
        labels = [_breakdown(item, place) for place, item in enumerate(objects(turn.get("annotations")), 1)]
        if ratings := [label for label in labels if label is not None]:
            about["ratings"] = ratings
        unknown += len(labels) - len(ratings)
        speaker = identifier(turn, "speaker")
        conversation.turns.append(
            ParsedTurn(_ROLES.get(speaker, speaker), content_or_placeholder(turn.get("utterance")), None, at, about),
        )
    if unknown:
        conversation.remarks.append(f"{unknown} annotations are none of O, T and X and are left out")
    return [conversation]


def _breakdown(item: Mapping[str, Any], place: int) -> dict[str, Any] | None:
    label = identifier(item, "breakdown")
    score = _BREAKDOWNS.get(label)
    if score is None:
        return None
    breakdown = rating("breakdown", score, label, _RUBRIC, identifier(item, "annotator-id") or str(place))
    comment = item.get("comment")
    return (
        breakdown
        if comment in _NO_COMMENTS or not isinstance(comment, str)
        else {**breakdown, "comment": clean_text(comment)}
    )


DBDC = LogFormat(
    "dbdc",
    "Dialogue Breakdown Detection Challenge (*.log.json), with everybody's label of each of the system's turns.",
    '{"dialogue-id": "d1", "turns": [{"turn-index": 0, "speaker": "U", "utterance": "Hi", "annotations": []}, '
    '{"turn-index": 1, "speaker": "S", "utterance": "Hello", "annotations": [{"breakdown": "O"}]}]}',
    is_dbdc,
    read_record,
    id_key="dialogue-id",
)
