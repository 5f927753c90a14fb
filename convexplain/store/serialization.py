"""Stored forms of turns, conversations and judgements: JSON values and rows, in both directions."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from convexplain.parts import Media, Part, Reasoning, Text, ToolCall, ToolResult
from convexplain.types import Conversation, Evidence, Example, Judgement, Label, Rubric, Turn

_PARTS: dict[str, type[Part]] = {
    "text": Text,
    "reasoning": Reasoning,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
    "media": Media,
}
_KINDS = {part: kind for kind, part in _PARTS.items()}


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
    body: dict[str, Any] = {
        "role": turn.role,
        "content": turn.content,
        "name": turn.name,
        "at": turn.at.isoformat() if turn.at else None,
        "metadata": dict(turn.metadata),
    }
    if turn.parts:  # else the content is the only part; so turns of one text have the digests that they always had
        body["parts"] = [{"part": _KINDS[type(part)], **asdict(part)} for part in turn.parts]
    return body


def to_turn(body: dict[str, Any]) -> Turn:
    """Return the turn of a body that `turn_body` returned."""
    at = datetime.fromisoformat(body["at"]) if body["at"] else None
    return Turn(**{**body, "at": at, "parts": tuple(map(_to_part, body.get("parts", ())))})


def to_conversation(body: dict[str, Any]) -> Conversation:
    """Return the conversation of a body that `conversation_body` returned."""
    turns = tuple(map(to_turn, body["turns"]))
    return Conversation(id=body["id"], turns=turns, source=body["source"], metadata=body["metadata"])


def to_rubric(body: dict[str, Any]) -> Rubric:
    """Return the rubric of its fields as JSON values."""
    examples = tuple(Example(example["label"], tuple(map(to_turn, example["turns"]))) for example in body["examples"])
    labels = tuple(Label(**label) for label in body["labels"])
    return Rubric(**{**body, "labels": labels, "examples": examples, "notes": tuple(body["notes"])})


def evidence_body(evidence: Evidence) -> dict[str, Any]:
    """Return the evidence of a judgement as JSON values."""
    body = {name: getattr(evidence, name) for name in Evidence.__slots__}
    return {**body, "probabilities": dict(evidence.probabilities)}


def to_evidence(body: dict[str, Any]) -> Evidence:
    """Return the evidence of a body that `evidence_body` returned."""
    texts = {name: tuple(body.get(name, ())) for name in ("unseen", "notes", "warnings")}
    return Evidence(**{**body, **texts})


def to_judgement(row: Any, conversation: Conversation) -> Judgement:
    """Return the judgement of a row of `judgements` that has the rubric's id as `rubric_id`."""
    return Judgement(
        conversation_id=conversation.id,
        turn=row.turn,
        rubric=row.rubric_id,
        score=row.score,
        label=row.label,
        reason=row.reason,
        evidence=to_evidence(row.evidence),
        model=row.model,
        prompt_sha=row.prompt_sha,
    )


def _to_part(body: dict[str, Any]) -> Part:
    return _PARTS[body["part"]](**{name: value for name, value in body.items() if name != "part"})
