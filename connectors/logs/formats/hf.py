"""Columns of Hugging Face data sets: a prompt with an answer, or with a chosen and a rejected one."""

from convexplain.connectors.logs.engine.log_format import LogFormat

from ._pairs import is_hf, read_record

HF = LogFormat(
    "hf",
    "Hugging Face columns: prompt with completion or response, or chosen with rejected (with or without a "
    "prompt); texts or lists of messages.",
    '{"prompt": "Hi", "completion": "Hello"}',
    is_hf,
    read_record,
    # Over `messages` beside the columns; but records of traces and tests have such columns too.
    precedence=-4,
)
