"""The acts of ParlAI's conversations, which ACUTE-Eval uses too."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.fields import content_or_placeholder, first_text, identifier
from convexplain.connectors.logs.engine.metadata import extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.connectors.logs.engine.roles import role_of

CONTEXT = "context"
_USED_KEYS = ("text", "id", "speaker", "episode_done", "image_src")
Act = Mapping[str, Any]


def add_act(conversation: ParsedConversation, act: Act, user: str | None) -> None:
    """Add the turn of an act; the speaker `user` is the user."""
    speaker = identifier(act, "id", "speaker")
    if speaker.lower() != CONTEXT:
        conversation.turns.append(parse_act(act, "user" if speaker and speaker == user else speaker, speaker))
        return
    turn = parse_act(act, "system", "")
    if not conversation.turns or conversation.turns[-1] != turn:  # both speakers of a pair are given it
        conversation.turns.append(turn)


def parse_act(act: Act, speaker: str, name: str) -> ParsedTurn:
    """Return the turn of an act; its name is kept where it says more than the speaker's role."""
    at, at_key = find_timestamp(act)
    lines = [content_or_placeholder(act.get("text"))]
    if first_text(act, "image_src"):
        lines.append("[image]")
    turn_name = name if name and name != speaker and role_of(name) is None else None
    return ParsedTurn(
        speaker, "\n".join(filter(None, lines)), turn_name, at, extra_metadata(act, {*_USED_KEYS, at_key})
    )
