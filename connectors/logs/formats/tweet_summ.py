"""TweetSumm: dialogues of customer service on Twitter."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import DescribedFormat


def _text(turn: Mapping[str, Any]) -> str:
    sentences = turn.get("sentences")
    return " ".join(text for text in sentences if isinstance(text, str)) if isinstance(sentences, list) else ""


TWEET_SUMM = DescribedFormat(
    "tweetsumm",
    "TweetSumm's dialogues, once they are joined with the tweets.",
    '{"conversation_id": "c1", "dialog": {"turns": [{"is_agent": false, "sentences": ["Hi"]}, {"is_agent": true, '
    '"sentences": ["Hello"]}]}, "summaries": {}}',
    keys=("dialog.turns[*].is_agent", "dialog.turns[*].sentences"),
    turns="dialog.turns[*]",
    role="is_agent",
    roles={"true": "assistant", "false": "user"},
    content=_text,
    unused=("sentences",),
).log_format()
