"""Exchanges of an input and an output: xtuner, Capybara."""

from convexplain.connectors.logs.engine.described import DescribedFormat

XTUNER = DescribedFormat(
    "xtuner",
    "Conversations of inputs with outputs (xtuner, Capybara).",
    '{"conversation": [{"system": "", "input": "Hi", "output": "Hello"}]}',
    keys=("conversation[*].input", "conversation[*].output"),
    test=lambda record: "chosen" not in record,  # a pair whose chosen side is the whole conversation
    turns="conversation[*]",
    exchange=(("system", "system"), ("user", "input"), ("assistant", "output")),
).log_format()
