"""What conversations are chosen and grouped by, in a narrow table: their bodies are long."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

_KEYS = ("bot", "agent", "assistant", "model", "model_slug")
"""Keys of metadata that say which bot it was, the most telling first."""


def facets(body: Mapping[str, Any]) -> dict[str, Any]:
    """Source, bot, beginning and length of a conversation, given as the JSON values that are stored.

    The bot is the name of its first turn that has one, else what the metadata of the conversation or of such a turn
    call it; the beginning is the time of the first turn that has one. Both may be None.
    """
    turns = body["turns"]
    own = [turn for turn in turns if turn["role"] == "assistant"]
    names = (turn["name"] for turn in own)
    told = (where["metadata"].get(key) for where in (body, *own) for key in _KEYS)
    times = (turn["at"] for turn in turns)
    began = next((at for at in times if at), None)
    return {
        "source": body["source"],
        "bot": next((name for name in (*names, *told) if isinstance(name, str) and name.strip()), None),
        "began_at": datetime.fromisoformat(began) if began else None,
        "turns": len(turns),
    }
