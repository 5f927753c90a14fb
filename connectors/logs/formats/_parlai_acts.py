"""The acts of ParlAI's conversations, which ACUTE-Eval's have too."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.fields import add_turn, content_or_placeholder, first_text, identifier
from convexplain.connectors.logs.engine.metadata import extra_metadata, find_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.connectors.logs.engine.roles import role_of

CONTEXT = "context"
_USED = ("text", "id", "speaker", "episode_done", "image_src")
Act = Mapping[str, Any]


def add_act(draft: ParsedConversation, act: Act, user: str | None) -> None:
    speaker = identifier(act, "id", "speaker")
    if speaker.lower() != CONTEXT:
        add_turn(draft, parse_act(act, "user" if speaker and speaker == user else speaker, speaker))
        return
    said = parse_act(act, "system", "")
    if not draft.turns or draft.turns[-1] != said:  # both speakers of a pair are given it
        add_turn(draft, said)


def parse_act(act: Act, speaker: str, name: str) -> ParsedTurn:
    at, at_key = find_timestamp(act)
    shown = [content_or_placeholder(act.get("text"))]
    if first_text(act, "image_src"):
        shown.append("[image]")
    own = name if name and name != speaker and role_of(name) is None else None
    return ParsedTurn(speaker, "\n".join(filter(None, shown)), own, at, extra_metadata(act, {*_USED, at_key}))
