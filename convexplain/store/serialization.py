"""Stored forms of turns, conversations and judgements: JSON values and rows, in both directions."""

from datetime import datetime
from typing import Any

from convexplain.types import Conversation, Evidence, Judgement, Turn


def conversation_body(conversation: Conversation) -> dict[str, Any]:
    """Return a conversation as JSON values."""
    return {
        "id": conversation.id,
        "source": conversation.source,
        "metadata": dict(conversation.metadata),
        "turns": [turn_body(turn) for turn in conversation.turns],
    }


def turn_body(turn: Turn) -> dict[str, Any]:
    """Return a turn as JSON values."""
    return {
        "role": turn.role,
        "content": turn.content,
        "name": turn.name,
        "at": turn.at.isoformat() if turn.at else None,
        "metadata": dict(turn.metadata),
    }


def to_turn(body: dict[str, Any]) -> Turn:
    """Return the turn of a body that `turn_body` returned."""
    return Turn(**{**body, "at": datetime.fromisoformat(body["at"]) if body["at"] else None})


def to_conversation(body: dict[str, Any]) -> Conversation:
    """Return the conversation of a body that `conversation_body` returned."""
    turns = tuple(map(to_turn, body["turns"]))
    return Conversation(id=body["id"], turns=turns, source=body["source"], metadata=body["metadata"])


def to_judgement(row: Any, conversation: Conversation) -> Judgement:
    """Return the judgement of a row of `judgements` that has the rubric's id as `rubric_id`."""
    evidence = {**row.evidence, "unseen": tuple(row.evidence["unseen"]), "notes": tuple(row.evidence["notes"])}
    return Judgement(
        conversation_id=conversation.id,
        turn=row.turn,
        rubric=row.rubric_id,
        score=row.score,
        label=row.label,
        reason=row.reason,
        evidence=Evidence(**evidence),
        model=row.model,
        prompt_sha=row.prompt_sha,
    )
