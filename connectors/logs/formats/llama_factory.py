"""Conversations with a chosen and a rejected answer, or with a tag: LLaMA-Factory, axolotl, TRL."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import LabelField
from convexplain.connectors.logs.engine.described_answers import Answer, DescribedAnswers

_SCORES = {"true": 1.0, "false": 0.0}


def is_tagged(record: Mapping[str, Any]) -> bool:
    """Return whether a record has a tag that says whether its answer is desirable."""
    return isinstance(record.get("kto_tag"), bool) or ("completion" in record and isinstance(record.get("label"), bool))


LLAMA_FACTORY = DescribedAnswers(
    "llama-factory",
    "Conversations with a chosen and a rejected answer (LLaMA-Factory's sharegpt form, axolotl): a pair.",
    '{"conversations": [{"from": "human", "value": "Hi"}], "chosen": {"from": "gpt", "value": "Hello"}, '
    '"rejected": {"from": "gpt", "value": "What?"}}',
    keys=("conversations|messages|trajectory", "chosen", "rejected"),
    prompt=("conversations|messages|trajectory",),
    answers=(Answer("chosen", "-chosen", preferred=True), Answer("rejected", "-rejected", preferred=False)),
    system="system",
    test=lambda record: "prompt" not in record,
).log_format()
KTO = DescribedAnswers(
    "kto",
    "Answers that are desirable or not (KTO): TRL's prompt, completion and label; LLaMA-Factory's kto_tag.",
    '{"prompt": "Hi", "completion": "Hello", "label": true}',
    keys=("completion|conversations|messages", "kto_tag|label"),
    prompt=("prompt",),
    answers=(
        Answer(
            "completion|conversations|messages",
            labels=(LabelField("kto_tag", "kto_tag", _SCORES), LabelField("label", "label", _SCORES)),
        ),
    ),
    system="system",
    test=is_tagged,
).log_format()
