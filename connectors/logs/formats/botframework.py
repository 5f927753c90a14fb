"""Bot Framework: transcripts, which are lists of activities."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    content_or_placeholder,
    count_summary,
    file_placeholder,
    first_text,
    identifier,
    object_at,
    objects,
)
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)

_ROLES = {"bot": "assistant", "skill": "assistant", "user": "user"}
_OTHER_SIDE = {"assistant": "user", "user": "assistant"}
_IGNORED_KEY_WORDS = (
    "type timestamp localTimestamp channelId from recipient conversation text textFormat speak attachments "
    "attachmentLayout suggestedActions inputHint serviceUrl membersAdded membersRemoved entities"
)
_IGNORED_KEYS = frozenset(_IGNORED_KEY_WORDS.split())
_CARD = "application/vnd.microsoft.card."
_MAX_DEPTH = 8
_MAX_CARD_TEXT = 500
"""Characters of a card that are shown."""

_Activity = Mapping[str, Any]


def is_botframework(value: Any) -> bool:
    """Return whether a JSON value is an activity, or an object that holds a list of them."""
    return _is_activity(value) or (isinstance(value, dict) and any(map(_is_activity, objects(value.get("activities")))))


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield the conversations in a file's activities. Activities that are no messages are left out and reported."""
    activities = [item for position, value in records for item in _activities(position, value)]
    roles = _roles([activity for _, activity in activities])
    conversations: dict[str, tuple[int, ParsedConversation]] = {}
    left_out: Counter[str] = Counter()
    for position, activity in activities:
        if activity.get("type") != "message":
            left_out[first_text(activity, "type") or "without a type"] += 1
            continue
        speaker, name = _speaker(activity, roles)
        if not speaker:
            report(position, "a message that does not say who speaks")
            continue
        _, conversation = conversations.setdefault(
            identifier(object_at(activity, "conversation"), "id"), (position, ParsedConversation([]))
        )
        at = parse_timestamp(activity.get("timestamp")) or parse_timestamp(activity.get("localTimestamp"))
        about = {"channel": activity["channelId"]} if first_text(activity, "channelId") else {}
        conversation.turns.append(
            ParsedTurn(
                speaker, activity_text(activity), name, at, {**extra_metadata(activity, _IGNORED_KEYS), **about}
            ),
        )
    if left_out:
        report(
            None,
            f"{left_out.total()} activities that are no messages are left out ({count_summary(left_out)})",
            kept=True,
        )
    for number, (conversation_id, (position, conversation)) in enumerate(conversations.items(), 1):
        yield ParsedRecord(position, number, conversation_id or None, [conversation])


def _is_activity(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return False
    if not isinstance(value.get("conversation"), dict):
        return False
    return not value.keys().isdisjoint(("channelId", "from", "recipient", "serviceUrl"))


def _activities(position: int, value: _Activity) -> list[tuple[int, _Activity]]:
    return (
        [(position, value)] if _is_activity(value) else [(position, item) for item in objects(value.get("activities"))]
    )


def _roles(activities: Sequence[_Activity]) -> dict[str, str]:
    """Return the roles of the accounts, as far as any activity states them."""
    roles: dict[str, str] = {}
    for activity in activities:
        for account in (
            object_at(activity, "from"),
            object_at(activity, "recipient"),
            *objects(activity.get("membersAdded")),
        ):
            role = _ROLES.get(first_text(account, "role").lower())
            if role is not None and identifier(account, "id"):
                roles[identifier(account, "id")] = role
    return roles


def _speaker(activity: _Activity, roles: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the speaker's role or word, and the name."""
    account, recipient = object_at(activity, "from"), object_at(activity, "recipient")
    account_id, name = identifier(account, "id"), identifier(account, "name")
    role = _ROLES.get(first_text(account, "role").lower()) or roles.get(account_id)
    if role is None:
        role = _OTHER_SIDE.get(
            _ROLES.get(first_text(recipient, "role").lower()) or roles.get(identifier(recipient, "id"), "")
        )
    return (role, name or None) if role is not None else (name or account_id, None)


def activity_text(activity: _Activity) -> str:
    """Return the text of an activity, with cards, files and suggestions as placeholders."""
    lines = [content_or_placeholder(activity.get("text"))]
    if not lines[0].strip() and first_text(activity, "speak"):
        lines = [activity["speak"]]
    lines += [_attachment(item) for item in objects(activity.get("attachments"))]
    actions = [
        title for item in objects(object_at(activity, "suggestedActions").get("actions")) if (title := _title(item))
    ]
    if actions:
        lines.append(f"[suggestions: {' | '.join(actions)}]")
    if not any(filter(None, lines)) and activity.get("value") is not None:
        lines.append("[value]")  # a form that was filled in: what it holds is in the metadata
    return "\n".join(filter(None, lines))


def _attachment(item: _Activity) -> str:
    kind = first_text(item, "contentType")
    if not kind.startswith(_CARD):
        return file_placeholder(kind, first_text(item, "name"))
    texts = list(dict.fromkeys(_texts(item.get("content"))))
    card_text = " | ".join(" ".join(piece.split()) for piece in texts)
    return f"[card: {card_text[:_MAX_CARD_TEXT]}]" if card_text else "[card]"


def _title(item: _Activity) -> str:
    return first_text(item, "title", "text", "displayText", "value")


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts of a card, in the order in which it holds them."""
    if depth > _MAX_DEPTH:
        return
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            continue
        for key, inner in item.items():
            if key in ("title", "subtitle", "text") and isinstance(inner, str) and inner.strip():
                yield inner
            elif isinstance(inner, list | dict):
                yield from _texts(inner, depth + 1)


BOTFRAMEWORK = LogFormat(
    "botframework",
    "Bot Framework transcripts: activities, of which the messages are turns.",
    '[{"type": "message", "channelId": "test", "conversation": {"id": "c1"}, "from": {"id": "u", "role": "user"}, '
    '"text": "Hi"}, {"type": "message", "channelId": "test", "conversation": {"id": "c1"}, "from": {"id": "b", '
    '"role": "bot"}, "text": "Hello"}]',
    is_botframework,
    read_records=read_records,
)
