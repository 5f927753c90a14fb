"""Dialogues about tasks: Taskmaster, MultiWOZ, and Schema-Guided Dialogue."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat
from convexplain.connectors.logs.engine.fields import objects

_DIALOGUES = 20
"""Values of an object that are looked at."""
_ROLES = {"SYSTEM": "assistant", "system": "assistant", "0": "user", "1": "assistant"}


def is_multiwoz(value: Mapping[str, Any]) -> bool:
    """Return whether an object is a dialogue of MultiWOZ 2.0 or 2.1, or an object of them by their names."""
    dialogues = (value, *(dialogue for _, dialogue in zip(range(_DIALOGUES), value.values(), strict=False)))
    return any(
        isinstance(dialogue, dict)
        and "goal" in dialogue
        and any(turn.keys() >= {"text", "metadata"} for turn in objects(dialogue.get("log"))[:5])
        for dialogue in dialogues
    )


def _rows(turns: Any) -> Any:
    """Return turns as objects, where a data set holds them as one object of lists (Hugging Face)."""
    if not isinstance(turns, dict):
        return turns
    columns = {key: column for key, column in turns.items() if isinstance(column, list)}
    return [dict(zip(columns, cells, strict=True)) for cells in zip_longest(*columns.values())]


TASKMASTER = DescribedFormat(
    "taskmaster",
    "Taskmaster's conversations, 1 to 4.",
    '{"conversation_id": "c1", "instruction_id": "i", "utterances": [{"index": 0, "speaker": "USER", "text": "Hi"}, '
    '{"index": 1, "speaker": "ASSISTANT", "text": "Hello"}]}',
    keys=("conversation_id", "utterances[*].speaker", "utterances[*].text"),
    turns="utterances[*]",
    role="speaker",
    content="text",
    unused=("index",),
).log_format()
_SCHEMA_GUIDED = DescribedFormat(
    "schema-guided",
    "Schema-Guided Dialogue (SGD), and MultiWOZ from 2.2 on; SYSTEM is the assistant.",
    '{"dialogue_id": "d1", "services": [], "turns": [{"speaker": "USER", "utterance": "Hi", "frames": []}, '
    '{"speaker": "SYSTEM", "utterance": "Hello", "frames": []}]}',
    keys=("dialogue_id", "turns[*].speaker|turns.speaker", "turns[*].utterance|turns.utterance"),
    turns="turns[*]",
    role="speaker",
    roles=_ROLES,
    content="utterance",
    id="dialogue_id",
)
SCHEMA_GUIDED = replace(
    _SCHEMA_GUIDED.log_format(),
    read_record=lambda record: _SCHEMA_GUIDED.read_record({**record, "turns": _rows(record["turns"])}),
)
MULTIWOZ = DescribedFormat(
    "multiwoz",
    "MultiWOZ 2.0 and 2.1 (data.json): dialogues by their names.",
    '{"MUL1.json": {"goal": {}, "log": [{"text": "Hi", "metadata": {}}, {"text": "Hello", "metadata": {"taxi": {}}}]}}',
    test=is_multiwoz,
    conversations="[*]",
    turns="log[*]",
    # Only the system's turns have a state of the dialogue.
    role=lambda turn: "assistant" if turn.get("metadata") else "user",
    content="text",
    unused=("metadata",),
).log_format()
