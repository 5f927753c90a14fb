"""Instructions with answers: Alpaca, Dolly, Aya, OpenOrca and LLaMA-Factory's alpaca form."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.described import LabelField
from convexplain.connectors.logs.engine.described_answers import Answer, DescribedAnswers

_TAG = LabelField("kto_tag", "kto_tag", {"true": 1.0, "false": 0.0})
_PAIR = (Answer("chosen", "-chosen", preferred=True), Answer("rejected", "-rejected", preferred=False))


def _is_prompt(record: Mapping[str, Any], *keys: str) -> bool:
    """Return whether there is a text under a key, and no list of turns beside it, which would be longer."""
    return any(isinstance(record.get(key), str) for key in keys) and message_lists.list_key(record) is None


ALPACA = DescribedAnswers(
    "alpaca",
    "Instructions with answers (Alpaca, Dolly, Aya, LLaMA-Factory's alpaca form), also chosen and rejected ones.",
    '{"instruction": "Hi", "input": "", "output": "Hello"}',
    keys=("instruction|inputs", "output|response|chosen|targets"),
    test=lambda record: _is_prompt(record, "instruction", "inputs"),
    prompt=("instruction|inputs", "input|context"),
    answers=(Answer("output|response|targets", labels=(_TAG,)), *_PAIR),
    history="history",
    system="system|system_prompt",
    precedence=-4,
).log_format()
ORCA = DescribedAnswers(
    "orca",
    "Questions with a system text and an answer (OpenOrca), or with a chosen and a rejected one (Orca's pairs).",
    '{"system_prompt": "", "question": "Hi", "response": "Hello"}',
    keys=("question|input", "system_prompt|system", "response|chosen"),
    test=lambda record: _is_prompt(record, "question", "input"),
    prompt=("question|input",),
    answers=(Answer("response"), *_PAIR),
    system="system_prompt|system",
    precedence=-4,
).log_format()
