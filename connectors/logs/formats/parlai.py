"""ParlAI's logs of conversations, and the pairs of conversations that ACUTE-Eval compares."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.drafts import Draft, Said, UnreadableError
from convexplain.connectors.logs.engine.picking import add, content_of, dicts, part, text, word
from convexplain.connectors.logs.engine.roles import role_of
from convexplain.connectors.logs.engine.values import extras, moment_of

from .messages import is_turn

_HUMAN = re.compile(r"human|user|worker|turker|person|evaluator", re.IGNORECASE)
_CONTEXT = "context"
_USED = ("text", "id", "speaker", "episode_done", "image_src")
_TWO = 2

_Act = Mapping[str, Any]


def is_parlai(value: Any) -> bool:
    """Whether a JSON value is a conversation in ParlAI's form: acts with `id` and `text`, by themselves or in pairs."""
    if not isinstance(value, dict) or not isinstance(value.get("dialog"), list):
        return False
    acts = dicts(_flat(value["dialog"][:20]))
    return any("text" in act and isinstance(act.get("id"), str) and not is_turn(act) for act in acts)


def drafts(record: Mapping[str, Any]) -> list[Draft]:
    """The conversation in a record. Its context (personas, topics) is the system's, who is no human the assistant."""
    draft = Draft([], extras(record, {"dialog", _CONTEXT}))
    context = record.get(_CONTEXT)
    acts = [*(context if isinstance(context, list) else []), *_flat(record["dialog"])]
    if isinstance(context, str) and context.strip():
        acts.insert(0, {"id": _CONTEXT, "text": context})
    user = _user(acts, draft)
    for number, act in enumerate(acts, 1):
        if isinstance(act, dict):
            _add(draft, act, user)
        else:
            draft.remarks.append(f"act {number} is missing")
    return [draft]


def is_acute(value: Any) -> bool:
    """Whether a JSON value is a pair of ACUTE-Eval, or a worker's results on such pairs."""
    return any(_is_pairing(pairing) for pairing, _ in _pairings(value))


def acute_pairs(value: Any) -> Iterator[tuple[str | None, Sequence[Draft]]]:
    """The conversations of each pair; they are preferred or not where a worker has chosen.

    Raises:
        UnreadableError: a pair does not say which speakers are compared.
    """
    for pairing, choice in _pairings(value):
        if not _is_pairing(pairing):
            continue
        speakers = pairing["speakers_to_eval"]
        names = [name if isinstance(name, str) else "" for name in speakers]
        if len(names) != _TWO or not all(names):
            raise UnreadableError(f"'speakers_to_eval' are {len(speakers)} values, not the names of two speakers")
        ids = pairing.get("dialogue_ids")
        chosen = choice if names[0] != names[1] and choice in names and not pairing.get("is_onboarding") else None
        found = []
        for place, talk in enumerate(dicts(pairing["dialogue_dicts"])[:_TWO]):
            draft = _compared(talk, names[place])
            draft.metadata |= extras(pairing, {"speakers_to_eval", "dialogue_dicts", "dialogue_ids"})
            if isinstance(ids, list) and place < len(ids) and word({"id": ids[place]}, "id"):
                draft.metadata["dialogue_id"] = word({"id": ids[place]}, "id")
            draft.suffix = f"-{place + 1}"
            draft.preferred = None if chosen is None else chosen == names[place]
            found.append(draft)
        yield None, found


def _is_pairing(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("speakers_to_eval"), list)
        and bool(dicts(value.get("dialogue_dicts")))
    )


def _pairings(value: Any) -> list[tuple[Any, str]]:
    """Pairs with the speaker whom a worker chose."""
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("inputs"), list):
        choices = dicts(part(value, "outputs").get("final_data"))
        words = [word(choice, "speakerChoice") for choice in choices] + [""] * len(value["inputs"])
        return [(item.get("pairing_dict"), choice) for item, choice in zip(dicts(value["inputs"]), words, strict=False)]
    if isinstance(value.get("pairing_dict"), dict):
        return [(value["pairing_dict"], word(value, "speakerChoice"))]
    return [(value, word(value, "speakerChoice"))]


def _compared(talk: Mapping[str, Any], name: str) -> Draft:
    """One conversation of a pair: the speaker who is compared is the assistant."""
    draft = Draft([], {"model": name, **extras(talk, {"dialogue", "speakers"})})
    for act in dicts(talk.get("dialogue")):
        speaker = word(act, "id", "speaker")
        if not speaker:
            raise UnreadableError(f"turn {len(draft.said) + 1} of the conversation with {name!r} has no speaker")
        if speaker.lower() == _CONTEXT:
            _add(draft, act, None)
        else:
            add(draft, _said(act, "assistant" if speaker == name else "user", speaker))
    return draft


def _flat(items: Sequence[Any]) -> list[Any]:
    return [act for item in items for act in (item if isinstance(item, list) else [item])]


def _user(acts: Sequence[Any], draft: Draft) -> str | None:
    """Which of two speakers is the user, where their names are no roles."""
    names = list(dict.fromkeys(name for act in acts if (name := word(act, "id")) and name.lower() != _CONTEXT))
    humans = [name for name in names if _HUMAN.search(name)]
    if len(names) != _TWO or any(role_of(name) for name in names):
        return humans[0] if len(humans) == 1 else None
    if len(humans) == 1:
        return humans[0]
    draft.remarks.append(f"neither {names[0]!r} nor {names[1]!r} is surely the user; taken for it: {names[0]!r}")
    return names[0]


def _add(draft: Draft, act: _Act, user: str | None) -> None:
    speaker = word(act, "id", "speaker")
    if speaker.lower() != _CONTEXT:
        add(draft, _said(act, "user" if speaker and speaker == user else speaker, speaker))
        return
    said = _said(act, "system", "")
    if not draft.said or draft.said[-1] != said:  # both speakers of a pair are given it
        add(draft, said)


def _said(act: _Act, speaker: str, name: str) -> Said:
    at, at_key = moment_of(act)
    shown = [content_of(act.get("text"))]
    if text(act, "image_src"):
        shown.append("[image]")
    own = name if name and name != speaker and role_of(name) is None else None
    return Said(speaker, "\n".join(filter(None, shown)), own, at, extras(act, {*_USED, at_key}))
