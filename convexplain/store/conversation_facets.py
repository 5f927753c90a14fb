"""Facets of conversations: the columns by which pages filter and group them, apart from their long bodies."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

_BOT_KEYS = ("bot", "agent", "assistant", "model", "model_slug")
"""Keys of metadata that name the bot, the most specific first."""


def conversation_facets(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return source, bot, beginning and length of a conversation, from its stored body.

    The bot is the name of the first assistant turn that has one, else its name in the metadata of the conversation or
    of an assistant turn. The beginning is the time of the first turn that has one. Both may be None.
    """
    turns = body["turns"]
    replies = [turn for turn in turns if turn["role"] == "assistant"]
    names = (turn["name"] for turn in replies)
    metadata = (source["metadata"].get(key) for source in (body, *replies) for key in _BOT_KEYS)
    times = (turn["at"] for turn in turns)
    began = next((at for at in times if at), None)
    return {
        "source": body["source"],
        "bot": next((name for name in (*names, *metadata) if isinstance(name, str) and name.strip()), None),
        "began_at": datetime.fromisoformat(began) if began else None,
        "turns": len(turns),
    }
