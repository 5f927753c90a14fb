"""Data sets of dialogues: DialogStudio, ABCD (customer service) and Topical-Chat."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.drafts import Draft, Said, UnreadableError
from convexplain.connectors.logs.engine.picking import add, content_of, dicts, rating, word
from convexplain.connectors.logs.engine.values import clean, extras

_TRIES = 20
"""Items of an object that are looked at."""

# DialogStudio names the two sides of a turn so; its summarization sets hold other words in the same places.
_ASKED, _ANSWERED = "user utterance", "system response"
_TURN_USED = (_ASKED, _ANSWERED, "dialog history", "turn id")

_ABCD_PARTS = ("original", "delexed")
_ABCD_ROLES = {"agent": "agent", "customer": "customer", "action": "tool"}
_ABCD_TARGETS = ("intent", "next_step", "button", "values", "utterance")
_PAIR = 2

_RATINGS = {"poor": 0.0, "not good": 0.25, "passable": 0.5, "good": 0.75, "excellent": 1.0}

_Found = Iterator[tuple[str | None, Sequence[Draft]]]


def is_dialogstudio(value: Any) -> bool:
    """Whether a JSON value is a dialogue of DialogStudio, or an object of them by their names."""
    return _is_studio(value) or _holds(value, _is_studio)


def dialogstudio(value: Mapping[str, Any]) -> _Found:
    """The dialogues in a record, each called by the key that it has, or else by its original id."""
    if _is_studio(value):
        yield word(value, "key", "new dialog id", "original dialog id", "dialog index") or None, [_studio(value)]
        return
    for name, dialogue in value.items():
        if _is_studio(dialogue):
            yield clean(name).strip() or None, [_studio(dialogue)]


def is_abcd(value: Any) -> bool:
    """Whether a JSON value is a conversation of ABCD, or an object of its splits."""
    return _is_abcd(value) or bool(_splits(value))


def abcd(value: Mapping[str, Any]) -> _Found:
    """The conversations in a record; what an agent did in the software is the tool's.

    Raises:
        UnreadableError: a turn does not say who speaks.
    """
    if _is_abcd(value):
        yield word(value, "convo_id") or None, [_abcd(value)]
        return
    for split, talks in _splits(value).items():
        for talk in talks:
            draft = _abcd(talk)
            draft.metadata["split"] = clean(split)
            yield word(talk, "convo_id") or None, [draft]


def is_topical(value: Any) -> bool:
    """Whether a JSON value is a conversation of Topical-Chat, or an object of them by their ids."""
    return _is_topical(value) or _holds(value, _is_topical)


def topical(value: Mapping[str, Any]) -> _Found:
    """The conversations in a record. Both speakers are people: who begins is taken for the user, and that is told."""
    if _is_topical(value):
        yield word(value, "conversation_id", "id") or None, [_topical(value)]
        return
    for name, talk in value.items():
        if _is_topical(talk):
            yield clean(name).strip() or None, [_topical(talk)]


def _holds(value: Any, test: Any) -> bool:
    """Whether some of the first items of an object pass a test."""
    return isinstance(value, dict) and any(test(item) for _, item in zip(range(_TRIES), value.values(), strict=False))


def _is_studio(value: Any) -> bool:
    turns = dicts(value.get("log")) if isinstance(value, dict) else []
    return any(_ASKED in turn and _ANSWERED in turn for turn in turns)


def _studio(value: Mapping[str, Any]) -> Draft:
    draft = Draft([], extras(value, {"log", "prompt"}))
    for number, turn in enumerate(value["log"], 1):
        if not isinstance(turn, dict) or turn.keys().isdisjoint((_ASKED, _ANSWERED)):
            draft.remarks.append(f"turn {number} is missing")
            continue
        # A side that says nothing has an empty text: it is no turn.
        sides = [(key, content_of(turn.get(key))) for key in (_ASKED, _ANSWERED)]
        about = {key: item for key, item in extras(turn, _TURN_USED).items() if item not in ({}, [], "")}
        for key, content in sides:
            if content.strip():
                speaker = "user" if key == _ASKED else "assistant"
                draft.said.append(Said(speaker, content, None, None, about))
    return draft


def _is_abcd(value: Any) -> bool:
    if not isinstance(value, dict) or "convo_id" not in value:
        return False
    return any(isinstance(value.get(name), list) for name in _ABCD_PARTS)


def _splits(value: Any) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(value, dict):
        return {}
    found = {name: dicts(talks) for name, talks in value.items() if isinstance(talks, list)}
    return {
        name: [talk for talk in talks if _is_abcd(talk)] for name, talks in found.items() if any(map(_is_abcd, talks))
    }


def _abcd(value: Mapping[str, Any]) -> Draft:
    draft = Draft([], extras(value, set(_ABCD_PARTS)))
    plain, coded = (_listed(value.get(name)) for name in _ABCD_PARTS)
    aligned = coded if len(coded) == len(plain) else []
    for number, turn in enumerate(plain or coded, 1):
        if isinstance(turn, list) and len(turn) == _PAIR and all(isinstance(item, str) for item in turn):
            speaker, content = turn
            about = _targets(aligned[number - 1]) if aligned else {}
        elif isinstance(turn, dict):
            speaker, content, about = word(turn, "speaker"), content_of(turn.get("text")), _targets(turn)
        else:
            raise UnreadableError(f"turn {number} is no speaker with a text")
        role: str = _ABCD_ROLES.get(speaker.strip().lower()) or speaker
        add(draft, Said(role, content, None, None, about))
    return draft


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _targets(turn: Any) -> dict[str, Any]:
    targets = turn.get("targets") if isinstance(turn, dict) else None
    if not isinstance(targets, list):
        return {}
    return extras({"targets": dict(zip(_ABCD_TARGETS, targets, strict=False))}, ())


def _is_topical(value: Any) -> bool:
    turns = dicts(value.get("content")) if isinstance(value, dict) else []
    return any("agent" in turn and "message" in turn for turn in turns)


def _topical(value: Mapping[str, Any]) -> Draft:
    draft = Draft([], extras(value, {"content"}))
    first = ""
    for number, turn in enumerate(value["content"], 1):
        agent = word(turn, "agent")
        if not agent:
            raise UnreadableError(f"turn {number} does not say who speaks")
        first = first or agent
        about = extras(turn, {"agent", "message"})
        label = word(turn, "turn_rating")
        if (score := _RATINGS.get(label.lower())) is not None:
            about["ratings"] = [rating("turn_rating", score, label)]
        speaker, name = ("user", agent) if agent == first else (agent, None)
        add(draft, Said(speaker, content_of(turn.get("message")), name, None, about))
    if len({said.name or said.speaker for said in draft.said}) > 1:
        draft.remarks.append(f"both speakers are people; taken for the user: {first!r}, who begins")
    return draft
