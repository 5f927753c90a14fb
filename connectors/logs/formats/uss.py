"""USS: dialogues with satisfaction labels, in lines with tabs."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import add_turn, rating, scale_number
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.log_text import LogText
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_RUBRIC = "helpfulness"
"""What all three ask for comes closest to it."""
_USS_LINE = re.compile(r"(USER|SYSTEM)\t")
_USS_FIELDS = 5
_SATISFIED = (1, 5)
_OVERALL = "OVERALL"


def is_uss(head: str) -> bool:
    """Whether a text that begins so holds dialogues of USS: a turn a line, speaker, text and labels parted by tabs."""
    lines = [line for line in head.splitlines()[:40] if line.strip()]
    spoken = [line for line in lines if _USS_LINE.match(line)]
    return bool(spoken) and lines[0] in spoken and len(spoken) * 2 > len(lines)


def uss_entries(text: LogText, assistant: frozenset[str], report: ProblemReporter) -> Iterator[ParsedRecord]:
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
            yield ParsedRecord(block[0][0], number, None, [_session(block, report)])
            block = []
    if block:
        yield ParsedRecord(block[0][0], number + 1, None, [_session(block, report)])


def _session(block: Sequence[tuple[int, str]], report: ProblemReporter) -> ParsedConversation:
    draft = ParsedConversation([])
    homeless = unknown = 0
    for line, content in block:
        cells = [cell.strip() for cell in content.split("\t", _USS_FIELDS - 1)]
        if not _USS_LINE.match(content):
            report(line, "a line that does not begin with USER or SYSTEM and a tab")
            continue
        speaker, said, action, labels, why = (*cells, "", "", "", "")[:_USS_FIELDS]
        given = [label.strip() for label in labels.split(",")] if labels else []
        numbers = [scale_number(label, *_SATISFIED) for label in given]
        unknown += numbers.count(None)
        if said == _OVERALL and speaker == "USER":
            draft.metadata |= {"overall_satisfaction": [number for number in numbers if number is not None]}
            draft.metadata |= {"explanation": why} if why else {}
            continue
        about: dict[str, Any] = {"action": action} if action else {}
        if speaker == "USER" and any(number is not None for number in numbers):
            if draft.turns and draft.turns[-1].speaker == "assistant":
                draft.turns[-1].metadata["ratings"] = _ratings(numbers)
            else:
                about["satisfaction"] = [number for number in numbers if number is not None]
                homeless += 1
        add_turn(draft, ParsedTurn("user" if speaker == "USER" else "assistant", said, None, None, about))
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


USS = LogFormat(
    "uss",
    "USS: a turn a line, speaker, text, action and satisfaction (1 to 5) parted by tabs, dialogues by blank lines.",
    "USER\tHi\tGREET\t\nSYSTEM\tHello\tOFFER\t",
    is_text=is_uss,
    read_text=uss_entries,
)
