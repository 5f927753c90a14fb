"""Dialogue Breakdown Detection Challenges: everybody's label of each of the system's turns."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.fields import add_turn, content_or_placeholder, identifier, objects, rating
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import clean_text, extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError

_RUBRIC = "helpfulness"
"""What all three ask for comes closest to it."""
_BREAKDOWNS = {"O": 1.0, "T": 0.5, "X": 0.0}
"""No breakdown, possibly one, surely one."""
_DBDC_ROLES = {"S": "assistant", "U": "user"}
_DBDC_USED = ("speaker", "utterance", "annotations")
_NO_COMMENTS = (None, "", "-")


def is_dbdc(value: Any) -> bool:
    """Whether a JSON value is a dialogue of the Dialogue Breakdown Detection Challenges."""
    turns = objects(value.get("turns")) if isinstance(value, dict) else []
    return any({"speaker", "utterance"} <= turn.keys() and "annotations" in turn for turn in turns)


def dbdc_drafts(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """The dialogue, each of the system's turns with everybody's label.

    Raises:
        UnreadableError: a turn does not say who speaks.
    """
    draft = ParsedConversation(
        [], {key: value for key, value in extra_metadata(record, {"turns"}).items() if value != ""}
    )
    unknown = 0
    for number, turn in enumerate(record["turns"], 1):
        if not isinstance(turn, dict):
            raise UnreadableError(f"turn {number} is no object")
        at, at_key = find_timestamp(turn)
        about = extra_metadata(turn, {*_DBDC_USED, at_key})
        labels = [_breakdown(item, place) for place, item in enumerate(objects(turn.get("annotations")), 1)]
        if found := [label for label in labels if label is not None]:
            about["ratings"] = found
        unknown += len(labels) - len(found)
        speaker = identifier(turn, "speaker")
        add_turn(
            draft,
            ParsedTurn(
                _DBDC_ROLES.get(speaker, speaker), content_or_placeholder(turn.get("utterance")), None, at, about
            ),
        )
    if unknown:
        draft.remarks.append(f"{unknown} annotations are none of O, T and X and are left out")
    return [draft]


def _breakdown(item: Mapping[str, Any], place: int) -> dict[str, Any] | None:
    label = identifier(item, "breakdown")
    score = _BREAKDOWNS.get(label)
    if score is None:
        return None
    found = rating("breakdown", score, label, _RUBRIC, identifier(item, "annotator-id") or str(place))
    comment = item.get("comment")
    return (
        found if comment in _NO_COMMENTS or not isinstance(comment, str) else {**found, "comment": clean_text(comment)}
    )


DBDC = LogFormat(
    "dbdc",
    "Dialogue Breakdown Detection Challenge (*.log.json), with everybody's label of each of the system's turns.",
    '{"dialogue-id": "d1", "turns": [{"turn-index": 0, "speaker": "U", "utterance": "Hi", "annotations": []}, '
    '{"turn-index": 1, "speaker": "S", "utterance": "Hello", "annotations": [{"breakdown": "O"}]}]}',
    is_dbdc,
    dbdc_drafts,
    id_key="dialogue-id",
)
