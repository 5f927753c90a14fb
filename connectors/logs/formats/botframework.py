"""Bot Framework: transcripts, which are lists of activities."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.drafts import Draft, Entry, Report, Said
from convexplain.connectors.logs.engine.picking import add, content_of, counted, dicts, part, placeholder, text, word
from convexplain.connectors.logs.engine.values import extras, moment

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
    return _is_activity(value) or (isinstance(value, dict) and any(map(_is_activity, dicts(value.get("activities")))))


def joined(records: Sequence[tuple[int, Any]], report: Report) -> Iterator[Entry]:
    """The conversations in a file's activities. Those that are no messages are left out, and told."""
    activities = [item for position, value in records for item in _activities(position, value)]
    roles = _roles([activity for _, activity in activities])
    talks: dict[str, tuple[int, Draft]] = {}
    others: Counter[str] = Counter()
    for position, activity in activities:
        if activity.get("type") != "message":
            others[text(activity, "type") or "without a type"] += 1
            continue
        speaker, name = _speaker(activity, roles)
        if not speaker:
            report(position, "a message that does not say who speaks")
            continue
        _, draft = talks.setdefault(word(part(activity, "conversation"), "id"), (position, Draft([])))
        at = moment(activity.get("timestamp")) or moment(activity.get("localTimestamp"))
        about = {"channel": activity["channelId"]} if text(activity, "channelId") else {}
        add(draft, Said(speaker, _shown(activity), name, at, {**extras(activity, _USED), **about}))
    if others:
        report(None, f"{others.total()} activities that are no messages are left out ({counted(others)})", kept=True)
    for number, (own, (position, draft)) in enumerate(talks.items(), 1):
        yield Entry(position, number, own or None, [draft])


def _is_activity(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        return False
    if not isinstance(value.get("conversation"), dict):
        return False
    return not value.keys().isdisjoint(("channelId", "from", "recipient", "serviceUrl"))


def _activities(position: int, value: _Activity) -> list[tuple[int, _Activity]]:
    return [(position, value)] if _is_activity(value) else [(position, item) for item in dicts(value.get("activities"))]


def _roles(activities: Sequence[_Activity]) -> dict[str, str]:
    """Who is the bot and who a user, as far as any activity says it of an account."""
    found: dict[str, str] = {}
    for activity in activities:
        for account in (part(activity, "from"), part(activity, "recipient"), *dicts(activity.get("membersAdded"))):
            role = _ROLES.get(text(account, "role").lower())
            if role is not None and word(account, "id"):
                found[word(account, "id")] = role
    return found


def _speaker(activity: _Activity, roles: Mapping[str, str]) -> tuple[str, str | None]:
    """The role or the word for who speaks, and the name."""
    account, other = part(activity, "from"), part(activity, "recipient")
    own, name = word(account, "id"), word(account, "name")
    role = _ROLES.get(text(account, "role").lower()) or roles.get(own)
    if role is None:
        role = _OTHER_SIDE.get(_ROLES.get(text(other, "role").lower()) or roles.get(word(other, "id"), ""))
    return (role, name or None) if role is not None else (name or own, None)


def _shown(activity: _Activity) -> str:
    shown = [content_of(activity.get("text"))]
    if not shown[0].strip() and text(activity, "speak"):
        shown = [activity["speak"]]
    shown += [_attachment(item) for item in dicts(activity.get("attachments"))]
    actions = [title for item in dicts(part(activity, "suggestedActions").get("actions")) if (title := _title(item))]
    if actions:
        shown.append(f"[suggestions: {' | '.join(actions)}]")
    if not any(filter(None, shown)) and activity.get("value") is not None:
        shown.append("[value]")  # a form that was filled in: what it holds is in the metadata
    return "\n".join(filter(None, shown))


def _attachment(item: _Activity) -> str:
    kind = text(item, "contentType")
    if not kind.startswith(_CARD):
        return placeholder(kind, text(item, "name"))
    texts = list(dict.fromkeys(_texts(item.get("content"))))
    shown = " | ".join(" ".join(piece.split()) for piece in texts)
    return f"[card: {shown[:_SHOWN]}]" if shown else "[card]"


def _title(item: _Activity) -> str:
    return text(item, "title", "text", "displayText", "value")


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
