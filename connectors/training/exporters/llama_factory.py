"""LLaMA-Factory's sharegpt form with `ranking`, and its list of data sets."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from convexplain.explain.pairs import Pair
from convexplain.models.chat import sendable
from convexplain.types import Turn

from ..exporter import PairExporter
from ..messages import UnwritableError, answer_turn, call_arguments, calls_of, openai_tools, result_of, words_of
from ..records import Record, json_line

NOT_ALTERNATING = "LLaMA-Factory wants users or results of tools, and the assistant, in turns"
SEVERAL_RESULTS = "LLaMA-Factory has no form for several results of tools in a row"
WORDS_AND_CALL = "LLaMA-Factory has no form for a turn with words and a call of a tool"
_ANSWERS = ("gpt", "function_call")


def ranked_example(pair: Pair) -> list[Record]:
    """Return a pair with its history as `conversations`: users or results of tools, and the assistant, alternate there.

    Raises:
        UnwritableError: the turns do not alternate, or LLaMA-Factory has no form for one.
    """
    prompt = pair.prompt
    system = prompt[0].content if prompt and prompt[0].role == "system" else ""
    history: list[Record] = []
    for turn in prompt[1:] if system else prompt:
        _add(history, _entry(turn))
    if not history or history[0]["from"] in _ANSWERS:
        history.insert(0, {"from": "human", "value": "(The conversation begins.)"})
    if history[-1]["from"] in _ANSWERS:
        history.append({"from": "human", "value": "(Please go on.)"})
    if any((entry["from"] in _ANSWERS) != bool(place % 2) for place, entry in enumerate(history)):
        raise UnwritableError(NOT_ALTERNATING)
    chosen, rejected = _entry(answer_turn(pair.chosen)), _entry(answer_turn(pair.rejected))
    tools = openai_tools(pair.tools)
    # `system` and `tools` are always there: dataset_info.json names the columns, and no record may be without one.
    return [
        {
            "conversations": history,
            "chosen": chosen,
            "rejected": rejected,
            "system": sendable(system),
            "tools": json_line([tool["function"] for tool in tools]) if tools else "",
        }
    ]


def _entry(turn: Turn) -> Record:
    """Return a turn in LLaMA-Factory's form; thoughts of the history stand in its marks."""
    if turn.role != "assistant":
        is_result = result_of(turn) is not None
        return {"from": "observation" if is_result else "human", "value": sendable(turn.content)}
    words, calls = words_of(turn), calls_of(turn)
    if words and calls:
        raise UnwritableError(WORDS_AND_CALL)
    functions = [{"name": sendable(call.name), "arguments": call_arguments(call)} for call in calls]
    answer = json_line(functions[0] if len(functions) == 1 else functions) if functions else sendable(words)
    thoughts = f"<think>\n{sendable(turn.reasoning)}\n</think>\n\n" if turn.reasoning else ""
    return {"from": "function_call" if calls else "gpt", "value": f"{thoughts}{answer}"}


def _add(history: list[Record], entry: Record) -> None:
    """Add an entry; words of one side in a row are joined, and a result that answers no call speaks as the user."""
    if entry["from"] == "observation" and (not history or history[-1]["from"] != "function_call"):
        if history and history[-1]["from"] == "observation":
            raise UnwritableError(SEVERAL_RESULTS)
        entry = {**entry, "from": "human"}
    if history and history[-1]["from"] == entry["from"] and entry["from"] in ("human", "gpt"):
        history[-1] = {**entry, "value": f"{history[-1]['value']}\n{entry['value']}"}
    else:
        history.append(entry)


def save_array(records: Sequence[Record], path: Path) -> None:
    """Write the records as one JSON array."""
    path.write_text("[\n" + ",\n".join(map(json_line, records)) + "\n]\n", encoding="utf-8")


def dataset_info(files: Mapping[str, str]) -> dict[str, str]:
    """Return LLaMA-Factory's list of data sets, `dataset_info.json`, from the files' names by split."""
    columns = {"messages": "conversations", **{name: name for name in ("chosen", "rejected", "system", "tools")}}
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
