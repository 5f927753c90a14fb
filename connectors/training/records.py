"""Records, which several exporters share: a pair's fields and messages, the selection of records, JSON Lines."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from convexplain.connectors.json_texts import map_texts
from convexplain.explain.pairs import Pair
from convexplain.models.chat import sendable
from convexplain.types import Turn, sha256_json

from .messages import UnwritableError, answer_turn, has_calls, messages, openai_tools

Record = dict[str, Any]
Save = Callable[[Sequence[Record], Path], None]
Select = Callable[[Sequence[Record]], tuple[list[Record], dict[str, int]]]

REPEATED = "the same record is there already"
CALLS_IN_CELL = "the turn calls tools, and a cell of a table holds one text"


def prompt_and(pair: Pair, *answers: Turn, objects: bool = False) -> tuple[list[Record], list[Record]]:
    """Return the messages of a pair's history, and one message for each answer after it.

    Args:
        pair: the pair.
        answers: forms of the turn that differs.
        objects: as of `messages.message`.

    Raises:
        UnwritableError: no message holds a turn.
    """
    after = [messages((*pair.prompt, answer_turn(answer)), objects=objects)[-1] for answer in answers]
    return messages(pair.prompt, objects=objects), after


def preference(pair: Pair, *, objects: bool = False) -> Record:
    """Return a pair as `prompt`, `chosen` and `rejected`, each a list of messages, and the `tools` that the log names.

    The prompt is always explicit.

    Args:
        pair: the pair.
        objects: as of `messages.message`.

    Raises:
        UnwritableError: no message holds a turn.
    """
    prompt, (chosen, rejected) = prompt_and(pair, pair.chosen, pair.rejected, objects=objects)
    return {"prompt": prompt, "chosen": [chosen], "rejected": [rejected], **tools(pair)}


def tools(pair: Pair) -> Record:
    """Return the tools that the log names as the JSON text `tools`; nothing where it names none."""
    listed = openai_tools(pair.tools)
    return {"tools": json_line(listed)} if listed else {}


def all_fields(pair: Pair) -> list[Record]:
    """Return all fields of a pair."""
    return [
        {
            **preference(pair),
            "score_chosen": pair.score_chosen,
            "score_rejected": pair.score_rejected,
            "margin": pair.margin,
            "rubric": pair.rubric,
            "question": pair.question,
            "final_answers": pair.final,
            "conversation": sendable(pair.conversation_id),
            "turn": pair.turn,
            "split": pair.split,
            "provenance": map_texts(dict(pair.provenance), sendable),
        }
    ]


def table_row(pair: Pair) -> list[Record]:
    """Return all fields of a pair as cells of a table: the history as JSON."""
    (record,) = all_fields(pair)
    if has_calls((pair.chosen, pair.rejected)):
        raise UnwritableError(CALLS_IN_CELL)
    return [
        {
            **record,
            "prompt": json.dumps(record["prompt"], ensure_ascii=False),
            "chosen": sendable(pair.chosen.content),
            "rejected": sendable(pair.rejected.content),
            "tools": record.get("tools", ""),
            "provenance": json.dumps(record["provenance"], ensure_ascii=False),
        }
    ]


def distinct(records: Sequence[Record]) -> tuple[list[Record], dict[str, int]]:
    """Return the records without repetitions, and the number of those left out by reason."""
    unique = list({sha256_json(record): record for record in records}.values())
    return unique, {REPEATED: len(records) - len(unique)} if len(unique) < len(records) else {}


def save_jsonl(records: Sequence[Record], path: Path) -> None:
    """Write one record a line, in UTF-8."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json_line(record) + "\n")


def json_line(value: Any) -> str:
    """Return JSON that is one line for every reader: characters that some take for a line end are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    for mark in ("\x85", "\u2028", "\u2029"):
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
