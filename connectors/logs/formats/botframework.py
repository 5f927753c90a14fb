"""Bot Framework: transcripts, which are lists of activities."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    add_turn,
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
_USED_KEYS = (
    "type timestamp localTimestamp channelId from recipient conversation text textFormat speak attachments "
    "attachmentLayout suggestedActions inputHint serviceUrl membersAdded membersRemoved entities"
)
_USED = frozenset(_USED_KEYS.split())
_CARD = "application/vnd.microsoft.card."
_DEEPEST = 8
_SHOWN = 500
"""Characters of a card that are shown."""

_Activity = Mapping[str, Any]


def is_botframework(value: Any) -> bool:
    """Whether a JSON value is an activity, or an object that holds a list of them."""
    return _is_activity(value) or (isinstance(value, dict) and any(map(_is_activity, objects(value.get("activities")))))


def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """The conversations in a file's activities. Those that are no messages are left out, and told."""
    activities = [item for position, value in records for item in _activities(position, value)]
    roles = _roles([activity for _, activity in activities])
    talks: dict[str, tuple[int, ParsedConversation]] = {}
    others: Counter[str] = Counter()
    for position, activity in activities:
        if activity.get("type") != "message":
            others[first_text(activity, "type") or "without a type"] += 1
            continue
        speaker, name = _speaker(activity, roles)
        if not speaker:
            report(position, "a message that does not say who speaks")
            continue
        _, draft = talks.setdefault(
            identifier(object_at(activity, "conversation"), "id"), (position, ParsedConversation([]))
        )
        at = parse_timestamp(activity.get("timestamp")) or parse_timestamp(activity.get("localTimestamp"))
        about = {"channel": activity["channelId"]} if first_text(activity, "channelId") else {}
        add_turn(draft, ParsedTurn(speaker, _shown(activity), name, at, {**extra_metadata(activity, _USED), **about}))
    if others:
        report(
            None, f"{others.total()} activities that are no messages are left out ({count_summary(others)})", kept=True
        )
    for number, (own, (position, draft)) in enumerate(talks.items(), 1):
        yield ParsedRecord(position, number, own or None, [draft])


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
    """Who is the bot and who a user, as far as any activity says it of an account."""
    found: dict[str, str] = {}
    for activity in activities:
        for account in (
            object_at(activity, "from"),
            object_at(activity, "recipient"),
            *objects(activity.get("membersAdded")),
        ):
            role = _ROLES.get(first_text(account, "role").lower())
            if role is not None and identifier(account, "id"):
                found[identifier(account, "id")] = role
    return found


def _speaker(activity: _Activity, roles: Mapping[str, str]) -> tuple[str, str | None]:
    """The role or the word for who speaks, and the name."""
    account, other = object_at(activity, "from"), object_at(activity, "recipient")
    own, name = identifier(account, "id"), identifier(account, "name")
    role = _ROLES.get(first_text(account, "role").lower()) or roles.get(own)
    if role is None:
        role = _OTHER_SIDE.get(_ROLES.get(first_text(other, "role").lower()) or roles.get(identifier(other, "id"), ""))
    return (role, name or None) if role is not None else (name or own, None)


def _shown(activity: _Activity) -> str:
    shown = [content_or_placeholder(activity.get("text"))]
    if not shown[0].strip() and first_text(activity, "speak"):
        shown = [activity["speak"]]
    shown += [_attachment(item) for item in objects(activity.get("attachments"))]
    actions = [
        title for item in objects(object_at(activity, "suggestedActions").get("actions")) if (title := _title(item))
    ]
    if actions:
        shown.append(f"[suggestions: {' | '.join(actions)}]")
    if not any(filter(None, shown)) and activity.get("value") is not None:
        shown.append("[value]")  # a form that was filled in: what it holds is in the metadata
    return "\n".join(filter(None, shown))


def _attachment(item: _Activity) -> str:
    kind = first_text(item, "contentType")
    if not kind.startswith(_CARD):
        return file_placeholder(kind, first_text(item, "name"))
    texts = list(dict.fromkeys(_texts(item.get("content"))))
    shown = " | ".join(" ".join(piece.split()) for piece in texts)
    return f"[card: {shown[:_SHOWN]}]" if shown else "[card]"


def _title(item: _Activity) -> str:
    return first_text(item, "title", "text", "displayText", "value")


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """The texts of a card, in the order in which it holds them."""
    if depth > _DEEPEST:
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
    read_records=joined,
)
