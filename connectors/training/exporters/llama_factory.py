"""LLaMA-Factory's sharegpt form with `ranking`, and its list of data sets."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from convexplain.explain.measurement import chat_messages
from convexplain.explain.pairs import Pair
from convexplain.models.chat import sendable

from ..exporter import PairExporter
from ..records import Record, json_line

_SPEAKERS = {"user": "human", "assistant": "gpt"}


def ranked_example(pair: Pair) -> list[Record]:
    """Return a pair with its history as `conversations`: users and the assistant alternate there, a user first."""
    prompt, _ = chat_messages(pair.prompt)
    system = prompt[0].content if prompt[0].role == "system" else ""
    history = [
        {"from": _SPEAKERS[message.role], "value": sendable(message.content)}
        for message in prompt
        if message.role != "system"
    ]
    sides = {
        side: {"from": "gpt", "value": sendable(turn.content)}
        for side, turn in (("chosen", pair.chosen), ("rejected", pair.rejected))
    }
    # `system` is always there: dataset_info.json names the column, and no record may be without it.
    return [{"conversations": history, **sides, "system": sendable(system)}]


def save_array(records: Sequence[Record], path: Path) -> None:
    """Write the records as one JSON array."""
    path.write_text("[\n" + ",\n".join(map(json_line, records)) + "\n]\n", encoding="utf-8")


def dataset_info(files: Mapping[str, str]) -> dict[str, str]:
    """Return LLaMA-Factory's list of data sets, `dataset_info.json`, from the files' names by split."""
    columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected", "system": "system"}
    form = {"formatting": "sharegpt", "ranking": True, "columns": columns}
    datasets = {f"convexplain_{split}": {"file_name": name, **form} for split, name in files.items()}
    return {"dataset_info.json": json.dumps(datasets, indent=2) + "\n"}


LLAMA_FACTORY = PairExporter(
    "llama-factory",
    "LLaMA-Factory, with its dataset_info.json.",
    ranked_example,
    ".json",
    save_array,
    dataset_info,
)
