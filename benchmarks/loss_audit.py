"""Is every text of a log in a turn, in the metadata, or remarked on?

    python benchmarks/loss_audit.py FOLDER

For each JSON log of up to 3 MB: the characters of its texts of three words or more, how many of them are in turns, in
the metadata, and in neither, with the places of the last and what the reader said about what it left out. Texts are
compared by their letters and digits. Files that need a format, a map or the assistant's name are counted at the end.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from convexplain import Conversation, read_log
from convexplain.connectors.logs.engine.claimed_texts import ClaimedTexts
from convexplain.connectors.logs.engine.field_shapes import is_text
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.errors import ConvexplainError, Problem

MOST = 3_000_000  # bytes of a file
PLACES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    refused = 0
    for path in sorted(folder.rglob("*.json*")):
        values = json_values(path)
        problems: list[Problem] = []
        try:
            conversations = list(read_log(path, on_problem=problems.append)) if values else []
        except ConvexplainError:
            refused += 1
            continue
        if values:
            print(balance(path.name, values, conversations, problems))
    print(f"{refused} files were refused")


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


def balance(name: str, values: list[Any], conversations: Sequence[Conversation], problems: Sequence[Problem]) -> str:
    turns = ClaimedTexts(
        ParsedConversation([ParsedTurn(turn.role, turn.content, parts=turn.parts) for turn in conversation.turns])
        for conversation in conversations
    )
    metadata = [part.metadata for conversation in conversations for part in (conversation, *conversation.turns)]
    beside = ClaimedTexts([ParsedConversation([ParsedTurn("", text) for _, text in texts(metadata)])])
    counts: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for place, text in texts(values):
        kind = "in metadata" if text in beside else "in neither"
        kind = "in turns" if text in turns or not turns.unclaimed(text) else kind
        counts[kind] += len(text)
        if kind == "in neither":
            places[place] += len(text)
    shares = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("in turns", "in metadata", "in neither"))
    lines = [f"{name}: {counts.total():,} characters: {shares}"]
    lines += [f"    {count:,} at {place}" for place, count in places.most_common(PLACES)]
    lines += [f"    said: {problem.reason}" for problem in problems if places]
    return "\n".join(lines)


def texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts in a JSON value with their places, in which long keys are ids."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(inner, f"{place}.{key if len(key) < 30 else '*'}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, f"{place}[]")
    elif is_text(value):
        yield place, value


if __name__ == "__main__":
    main()
