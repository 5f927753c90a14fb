"""Instructions with answers: Alpaca, Dolly, OpenOrca and LLaMA-Factory's alpaca form."""

from convexplain.connectors.logs.engine.described import Label
from convexplain.connectors.logs.engine.described_answers import Answer, DescribedAnswers

_TAG = Label("kto_tag", "kto_tag", {"true": 1.0, "false": 0.0})
_PAIR = (Answer("chosen", "-chosen", preferred=True), Answer("rejected", "-rejected", preferred=False))
ALPACA = DescribedAnswers(
    "alpaca",
    "Instructions with answers (Alpaca, Dolly, LLaMA-Factory's alpaca form), also chosen and rejected ones.",
    '{"instruction": "Hi", "input": "", "output": "Hello"}',
    keys=("instruction", "output|response|chosen"),
    prompt=("instruction", "input|context"),
    answers=(Answer("output|response", labels=(_TAG,)), *_PAIR),
    history="history",
    system="system|system_prompt",
    precedence=-4,
).log_format()
ORCA = DescribedAnswers(
    "orca",
    "Questions with a system text and an answer (OpenOrca), or with a chosen and a rejected one (Orca's pairs).",
    '{"system_prompt": "", "question": "Hi", "response": "Hello"}',
    keys=("question", "system_prompt|system", "response|chosen"),
    prompt=("question",),
    answers=(Answer("response"), *_PAIR),
    system="system_prompt|system",
    precedence=-4,
).log_format()
