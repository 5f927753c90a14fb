"""USS: dialogues with satisfaction labels, in lines with tabs."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import rating, scale_number
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_RUBRIC = "helpfulness"
"""The rubric that these labels come closest to."""
_LINE = re.compile(r"(USER|SYSTEM)\t")
_FIELDS = 5
_SCALE = (1, 5)
_OVERALL = "OVERALL"


def is_uss(head: str) -> bool:
    """Return whether a text that begins so holds dialogues of USS: a turn a line, speaker, text and labels with tabs
    between.
    """
    lines = [line for line in head.splitlines()[:40] if line.strip()]
    spoken = [line for line in lines if _LINE.match(line)]
    return bool(spoken) and lines[0] in spoken and len(spoken) * 2 > len(lines)


def read_text(text: LogText, assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the dialogues of a file, which blank lines separate.

    Satisfaction is written at the user's turns and rates the system's turn before: the labels go to that turn. Labels
    without such a turn stay with the user's, as `satisfaction`; those of the whole dialogue are its metadata.
    """
    number, block = 0, list[tuple[int, str]]()
    for line, raw in text.lines():
        content = raw.rstrip("\r\n")
        if content.strip():
            block.append((line, content))
        elif block:
            number += 1
            yield ParsedRecord(block[0][0], number, None, [_parse_session(block, report)])
            block = []
    if block:
        yield ParsedRecord(block[0][0], number + 1, None, [_parse_session(block, report)])


def _parse_session(block: Sequence[tuple[int, str]], report: ProblemReporter) -> ParsedConversation:
    conversation = ParsedConversation([])
    homeless = unknown = 0
    for line, content in block:
        cells = [cell.strip() for cell in content.split("\t", _FIELDS - 1)]
        if not _LINE.match(content):
            report(line, "a line that does not begin with USER or SYSTEM and a tab")
            conversation.aside.append(content)
            continue
        speaker, text, action, labels, why = (*cells, "", "", "", "")[:_FIELDS]
        label_words = [label.strip() for label in labels.split(",")] if labels else []
        numbers = [scale_number(label, *_SCALE) for label in label_words]
        unknown += numbers.count(None)
        if text == _OVERALL and speaker == "USER":
            conversation.metadata |= {"overall_satisfaction": [number for number in numbers if number is not None]}
            conversation.metadata |= {"explanation": why} if why else {}
            continue
        about: dict[str, Any] = {"action": action} if action else {}
        if speaker == "USER" and any(number is not None for number in numbers):
            if conversation.turns and conversation.turns[-1].speaker == "assistant":
                conversation.turns[-1].metadata["ratings"] = _turn_ratings(numbers)
            else:
                about["satisfaction"] = [number for number in numbers if number is not None]
                homeless += 1
        conversation.turns.append(ParsedTurn("user" if speaker == "USER" else "assistant", text, None, None, about))
    if homeless:
        conversation.remarks.append(
            f"{homeless} turns of the user with labels come after no turn of the system: kept with them"
        )
    if unknown:
        conversation.remarks.append(f"{unknown} labels are no whole numbers from 1 to 5 and are left out")
    return conversation


def _turn_ratings(numbers: Sequence[int | None]) -> list[dict[str, Any]]:
    """Return a turn's labels as ratings. A file identifies raters by their place in the list: so the place is the
    rater.
    """
    low, high = _SCALE
    return [
        rating("satisfaction", (number - low) / (high - low), str(number), _RUBRIC, str(place))
        for place, number in enumerate(numbers, 1)
        if number is not None
    ]


USS = LogFormat(
    "uss",
    "USS: a turn a line, speaker, text, action and satisfaction (1 to 5) parted by tabs, dialogues by blank lines.",
    "USER\tHi\tGREET\t\nSYSTEM\tHello\tOFFER\t",
    is_text=is_uss,
    read_text=read_text,
)
