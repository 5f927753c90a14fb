"""Is every text of a log in a turn, in the metadata, put aside, or remarked on?

    python benchmarks/loss_audit.py FOLDER [FOLDER …]

For the JSON logs of up to 3 MB: the characters of their texts of 20 characters and three words or more, and how many
of them are in turns, in the metadata or put aside on purpose, and in remarks. What is in none of these is printed with
its places. Texts are counted in the files, by themselves; turns and metadata are those that reading yields. Files that
need a format, a map or the assistant's name are counted at the end.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' reading with what is put aside

from convexplain import Conversation
from convexplain.connectors.logs.engine.claimed_texts import ClaimedTexts
from convexplain.connectors.logs.engine.field_shapes import ID_NAMES, TIME_NAMES, name_words
from convexplain.connectors.logs.engine.loss_audit import LossAudit
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.connectors.logs.engine.record_texts import LONG, is_prose
from convexplain.connectors.logs.engine.typed_values import decoded
from convexplain.errors import ConvexplainError
from tests.connectors.logs.balance import read_with_asides

MOST = 3_000_000  # bytes of a file
PLACES = 4
PARTS = ("in turns", "in the metadata or aside", "in remarks", "in none of these")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    refused = passed_over = 0
    totals: Counter[str] = Counter()
    files = [path for folder in parser.parse_args().folders for path in sorted(folder.rglob("*")) if path.is_file()]
    for path in files:
        values = json_values(path)
        remarked: list[int] = []
        if not values:
            passed_over += 1
            continue
        try:
            with patch.object(LossAudit, "_add", noting(remarked)):
                conversations, problems, asides = read_with_asides(path)
        except ConvexplainError:
            refused += 1
            continue
        if any(not problem.kept and " in no turn" not in problem.reason for problem in problems):
            totals["files with records that cannot be read"] += 1
        counts, places = balance(values, conversations, asides, sum(remarked))
        totals += counts
        totals["files"] += 1
        if counts["in none of these"]:
            print(f"{path.name}: {counts.total():,} characters, {counts['in none of these']:,} in none: {dict(places)}")
    print(f"{totals['files']} files of JSON, {sum(totals[part] for part in PARTS):,} characters:")
    for part in PARTS:
        print(f"    {totals[part]:,} {part}")
    print(f"{totals['files with records that cannot be read']} of the files have records that no reader can read")
    print(f"{refused} files need a format, a map or the assistant's name; {passed_over} are no JSON or over 3 MB")


def noting(remarked: list[int]) -> Any:
    """Return the audit's count of a loss that also notes its characters."""
    add = LossAudit._add

    def noting_add(audit: LossAudit, kind: Any, keys: Any, position: int, touched: Any, characters: int = 0) -> None:
        remarked.append(characters)
        add(audit, kind, keys, position, touched, characters)

    return noting_add


def json_values(path: Path) -> list[Any]:
    """Return the JSON values of a file; none of one that is no JSON, or too large."""
    if path.stat().st_size > MOST:
        return []
    try:
        text = path.read_text("utf-8")
        return (
            [json.loads(line) for line in text.splitlines() if line.strip()]
            if path.suffix == ".jsonl"
            else [json.loads(text)]
        )
    except ValueError:
        return []


def balance(
    values: list[Any], conversations: Sequence[Conversation], asides: list[Any], remarked: int
) -> tuple[Counter[str], Counter[str]]:
    """Return the characters of texts by where they are, and the places of those that are nowhere."""
    turns = ClaimedTexts(
        ParsedConversation([ParsedTurn(turn.role, turn.content, parts=turn.parts) for turn in conversation.turns])
        for conversation in conversations
    )
    metadata = [part.metadata for conversation in conversations for part in (conversation, *conversation.turns)]
    beside = ClaimedTexts([ParsedConversation([], aside=[metadata, asides])])
    counts: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for place, text in texts(values, beside):
        if beside.is_aside(text) and text not in turns:
            counts["in the metadata or aside"] += len(text)
            continue
        lost = turns.unclaimed(text)
        counts["in turns"] += len(text) - lost
        counts["in none of these"] += lost
        places[place] += lost
    counts["in remarks"] = min(counts["in none of these"], remarked)
    counts["in none of these"] -= counts["in remarks"]
    return counts, Counter(dict(places.most_common(PLACES)))


def texts(value: Any, beside: ClaimedTexts, place: str = "", name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts in a JSON value with their places, in which long keys are ids; JSON in texts is decoded, unless
    it is kept as it is.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, beside, f"{place}.{key if len(key) < 30 else '*'}".lstrip("."), key)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, beside, f"{place}[]")
    elif isinstance(value, str) and len(value) >= LONG:
        if isinstance(inner := decoded(value), dict | list) and not beside.is_aside(value):
            yield from texts(inner, beside, place, name)
        elif not {*name_words(name)[-1:]} & (ID_NAMES | TIME_NAMES) and is_prose(value):
            yield place, value


if __name__ == "__main__":
    main()
