"""Data sets whose turns people have labelled: DBDC (breakdowns), ConTurE (impressions) and USS (satisfaction)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.drafts import Draft, Entry, Report, Said, UnreadableError
from convexplain.connectors.logs.engine.picking import add, content_of, dicts, rating, whole, word
from convexplain.connectors.logs.engine.text import LogText
from convexplain.connectors.logs.engine.values import clean, extras, moment_of

_RUBRIC = "helpfulness"
"""What all three ask for comes closest to it."""

_BREAKDOWNS = {"O": 1.0, "T": 0.5, "X": 0.0}
"""No breakdown, possibly one, surely one."""
_DBDC_ROLES = {"S": "assistant", "U": "user"}
_DBDC_USED = ("speaker", "utterance", "annotations")
_NO_COMMENTS = (None, "", "-")

_LIKED = 2
"""The best of ConTurE's impressions: 0, 1, 2."""
_IMPRESSION = "overall impression"
_SIDES = (("user", "user"), ("chatbot", "assistant"))

_USS_LINE = re.compile(r"(USER|SYSTEM)\t")
_USS_FIELDS = 5
_SATISFIED = (1, 5)
_OVERALL = "OVERALL"


def is_dbdc(value: Any) -> bool:
    """Whether a JSON value is a dialogue of the Dialogue Breakdown Detection Challenges."""
    turns = dicts(value.get("turns")) if isinstance(value, dict) else []
    return any({"speaker", "utterance"} <= turn.keys() and "annotations" in turn for turn in turns)


def dbdc_drafts(record: Mapping[str, Any]) -> list[Draft]:
    """The dialogue, each of the system's turns with everybody's label.

    Raises:
        UnreadableError: a turn does not say who speaks.
    """
    draft = Draft([], {key: value for key, value in extras(record, {"turns"}).items() if value != ""})
    unknown = 0
    for number, turn in enumerate(record["turns"], 1):
        if not isinstance(turn, dict):
            raise UnreadableError(f"turn {number} is no object")
        at, at_key = moment_of(turn)
        about = extras(turn, {*_DBDC_USED, at_key})
        labels = [_breakdown(item, place) for place, item in enumerate(dicts(turn.get("annotations")), 1)]
        if found := [label for label in labels if label is not None]:
            about["ratings"] = found
        unknown += len(labels) - len(found)
        speaker = word(turn, "speaker")
        add(draft, Said(_DBDC_ROLES.get(speaker, speaker), content_of(turn.get("utterance")), None, at, about))
    if unknown:
        draft.remarks.append(f"{unknown} annotations are none of O, T and X and are left out")
    return [draft]


def is_conture(value: Any) -> bool:
    """Whether a JSON value is a dialogue of ConTurE."""
    turns = dicts(value.get("turns")) if isinstance(value, dict) else []
    return any(turn.keys() >= {"user", "chatbot"} for turn in turns)


def conture_drafts(record: Mapping[str, Any]) -> list[Draft]:
    """The dialogue, each of the chatbot's turns with its impression; labels of whole dialogues stay metadata."""
    draft = Draft([], extras(record, {"turns"}))
    unknown = 0
    for number, turn in enumerate(record["turns"], 1):
        if not isinstance(turn, dict):
            draft.remarks.append(f"exchange {number} is missing")
            continue
        for key, speaker in _SIDES:
            if key not in turn:
                continue
            about: dict[str, Any] = {}
            if speaker == "assistant" and turn.get(_IMPRESSION) is not None:
                label = whole(turn[_IMPRESSION], 0, _LIKED)
                unknown += label is None
                if label is not None:
                    about["ratings"] = [rating(_IMPRESSION, label / _LIKED, str(label), _RUBRIC)]
            # Each text begins with who says it.
            prefix = f"{key.capitalize()}: "
            add(draft, Said(speaker, content_of(turn[key]).removeprefix(prefix), None, None, about))
    if unknown:
        draft.remarks.append(f"{unknown} impressions are none of 0, 1 and 2 and are left out")
    return [draft]


def is_uss(head: str) -> bool:
    """Whether a text that begins so holds dialogues of USS: a turn a line, speaker, text and labels parted by tabs."""
    lines = [line for line in head.splitlines()[:40] if line.strip()]
    spoken = [line for line in lines if _USS_LINE.match(line)]
    return bool(spoken) and lines[0] in spoken and len(spoken) * 2 > len(lines)


def uss_entries(text: LogText, assistant: frozenset[str], report: Report) -> Iterator[Entry]:
    """The dialogues of a file, parted by blank lines.

    Satisfaction stands at the user's turns, and is with what the system said before them: the labels go to that turn.
    Those with no such turn stay with the user's, as `satisfaction`; those of the whole dialogue are its metadata.
    """
    number, block = 0, list[tuple[int, str]]()
    for line, raw in text.lines():
        content = raw.rstrip("\r\n")
        if content.strip():
            block.append((line, content))
        elif block:
            number += 1
            yield Entry(block[0][0], number, None, [_session(block, report)])
            block = []
    if block:
        yield Entry(block[0][0], number + 1, None, [_session(block, report)])


def _breakdown(item: Mapping[str, Any], place: int) -> dict[str, Any] | None:
    label = word(item, "breakdown")
    score = _BREAKDOWNS.get(label)
    if score is None:
        return None
    found = rating("breakdown", score, label, _RUBRIC, word(item, "annotator-id") or str(place))
    comment = item.get("comment")
    return found if comment in _NO_COMMENTS or not isinstance(comment, str) else {**found, "comment": clean(comment)}


def _session(block: Sequence[tuple[int, str]], report: Report) -> Draft:
    draft = Draft([])
    homeless = unknown = 0
    for line, content in block:
        cells = [cell.strip() for cell in content.split("\t", _USS_FIELDS - 1)]
        if not _USS_LINE.match(content):
            report(line, "a line that does not begin with USER or SYSTEM and a tab")
            continue
        speaker, said, action, labels, why = (*cells, "", "", "", "")[:_USS_FIELDS]
        given = [label.strip() for label in labels.split(",")] if labels else []
        numbers = [whole(label, *_SATISFIED) for label in given]
        unknown += numbers.count(None)
        if said == _OVERALL and speaker == "USER":
            draft.metadata |= {"overall_satisfaction": [number for number in numbers if number is not None]}
            draft.metadata |= {"explanation": why} if why else {}
            continue
        about: dict[str, Any] = {"action": action} if action else {}
        if speaker == "USER" and any(number is not None for number in numbers):
            if draft.said and draft.said[-1].speaker == "assistant":
                draft.said[-1].metadata["ratings"] = _ratings(numbers)
            else:
                about["satisfaction"] = [number for number in numbers if number is not None]
                homeless += 1
        add(draft, Said("user" if speaker == "USER" else "assistant", said, None, None, about))
    if homeless:
        draft.remarks.append(
            f"{homeless} turns of the user with labels come after no turn of the system: kept with them"
        )
    if unknown:
        draft.remarks.append(f"{unknown} labels are no whole numbers from 1 to 5 and are left out")
    return draft


def _ratings(numbers: Sequence[int | None]) -> list[dict[str, Any]]:
    """A file says how each labelled a turn by their place in the list: so raters are called by it."""
    low, high = _SATISFIED
    return [
        rating("satisfaction", (number - low) / (high - low), str(number), _RUBRIC, str(place))
        for place, number in enumerate(numbers, 1)
        if number is not None
    ]
