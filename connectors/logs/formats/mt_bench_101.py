"""MT-Bench-101: dialogues as pairs of user and bot."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.fields import content_or_placeholder, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn


def is_mt_bench_101(value: Any) -> bool:
    """Return whether a JSON value is a dialogue of MT-Bench-101: pairs of what the user and the bot say."""
    history = value.get("history") if isinstance(value, dict) else None
    return isinstance(history, list) and any(pair.keys() >= {"user", "bot"} for pair in objects(history))


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the dialogue in a record."""
    conversation = ParsedConversation([], extra_metadata(record, {"history"}))
    for number, pair in enumerate(record["history"], 1):
        if not isinstance(pair, dict):
            conversation.remarks.append(f"exchange {number} is missing")
            continue
        for key, speaker in (("user", "user"), ("bot", "assistant")):
            if key in pair:
                conversation.turns.append(ParsedTurn(speaker, content_or_placeholder(pair[key])))
    return [conversation]


MT_BENCH_101 = LogFormat(
    "mt-bench-101",
    "MT-Bench-101: dialogues as pairs of user and bot.",
    '{"task": "CM", "id": 1, "history": [{"user": "Hi", "bot": "Hello"}]}',
    is_mt_bench_101,
    read_record,
)
