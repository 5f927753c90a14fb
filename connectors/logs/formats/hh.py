"""Anthropic's HH: preference pairs and transcripts in which each turn begins with `Human:` or `Assistant:`."""

from convexplain.connectors.logs.engine.log_format import LogFormat

from ._pairs import is_hh, read_record

HH = LogFormat(
    "hh",
    "HH preference pairs as JSON Lines: each gives a chosen and a rejected conversation.",
    r'{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: What?"}',
    is_hh,
    read_record,
    # Over `messages` beside the texts; but records of traces and tests have such texts too.
    precedence=-4,
)
