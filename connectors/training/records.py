"""Records, which several exporters share: a pair's fields and messages, the selection of records, JSON Lines."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from convexplain.connectors.json_texts import map_texts
from convexplain.explain.pairs import Pair
from convexplain.models.chat import sendable
from convexplain.parts import ToolCall
from convexplain.types import Turn, sha256_json

Record = dict[str, Any]
Save = Callable[[Sequence[Record], Path], None]
Select = Callable[[Sequence[Record]], tuple[list[Record], dict[str, int]]]

REPEATED = "the same record is there already"


def message(turn: Turn) -> dict[str, str]:
    """Return a turn as a message with `role` and `content`."""
    return {"role": turn.role, "content": sendable(turn.content)}


def tool_call(call: ToolCall) -> dict[str, Any]:
    """Return a call as OpenAI's messages hold it."""
    function = {"name": call.name, "arguments": call.arguments}
    return {**({"id": call.id} if call.id else {}), "type": "function", "function": function}


def messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """Return turns as messages."""
    return [message(turn) for turn in turns]


def preference(pair: Pair) -> Record:
    """Return a pair as `prompt`, `chosen` and `rejected`, each a list of messages. The prompt is always explicit."""
    return {"prompt": messages(pair.prompt), "chosen": [message(pair.chosen)], "rejected": [message(pair.rejected)]}


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
    return [
        {
            **record,
            "prompt": json.dumps(record["prompt"], ensure_ascii=False),
            "chosen": sendable(pair.chosen.content),
            "rejected": sendable(pair.rejected.content),
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
