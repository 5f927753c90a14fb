"""ACUTE-Eval: pairs of conversations, and workers' results on them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import identifier, object_at, objects, record_reader
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, UnreadableError

from ._parlai_acts import CONTEXT, add_act, parse_act

_TWO = 2


def is_acute(value: Any) -> bool:
    """Return whether a JSON value is a pair of ACUTE-Eval, or a worker's results on such pairs."""
    return any(_is_pairing(pairing) for pairing, _ in _pairings(value))


def acute_pairs(value: Any) -> Iterator[tuple[str | None, Sequence[ParsedConversation]]]:
    """Yield the conversations of each pair; they are preferred or not where a worker has chosen.

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
        pair = []
        for place, dialogue in enumerate(objects(pairing["dialogue_dicts"])[:_TWO]):
            conversation = _parse_dialogue(dialogue, names[place])
            conversation.metadata |= extra_metadata(pairing, {"speakers_to_eval", "dialogue_dicts", "dialogue_ids"})
            if isinstance(ids, list) and place < len(ids) and identifier({"id": ids[place]}, "id"):
                conversation.metadata["dialogue_id"] = identifier({"id": ids[place]}, "id")
            conversation.suffix = f"-{place + 1}"
            conversation.preferred = None if chosen is None else chosen == names[place]
            pair.append(conversation)
        yield None, pair


def _is_pairing(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("speakers_to_eval"), list)
        and bool(objects(value.get("dialogue_dicts")))
    )


def _pairings(value: Any) -> list[tuple[Any, str]]:
    """Return the pairs with the speaker whom a worker chose."""
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("inputs"), list):
        choices = objects(object_at(value, "outputs").get("final_data"))
        words = [identifier(choice, "speakerChoice") for choice in choices] + [""] * len(value["inputs"])
        return [
            (item.get("pairing_dict"), choice) for item, choice in zip(objects(value["inputs"]), words, strict=False)
        ]
    if isinstance(value.get("pairing_dict"), dict):
        return [(value["pairing_dict"], identifier(value, "speakerChoice"))]
    return [(value, identifier(value, "speakerChoice"))]


def _parse_dialogue(dialogue: Mapping[str, Any], name: str) -> ParsedConversation:
    """Return one conversation of a pair: the speaker who is compared is the assistant."""
    conversation = ParsedConversation([], {"model": name, **extra_metadata(dialogue, {"dialogue", "speakers"})})
    for act in objects(dialogue.get("dialogue")):
        speaker = identifier(act, "id", "speaker")
        if not speaker:
            raise UnreadableError(
                f"turn {len(conversation.turns) + 1} of the conversation with {name!r} has no speaker"
            )
        if speaker.lower() == CONTEXT:
            add_act(conversation, act, None)
        else:
            conversation.turns.append(parse_act(act, "assistant" if speaker == name else "user", speaker))
    return conversation


ACUTE_EVAL = LogFormat(
    "acute-eval",
    "ACUTE-Eval: pairs of conversations, and workers' results on them; the compared speakers are the assistant.",
    '{"is_onboarding": false, "speakers_to_eval": ["m", "n"], "dialogue_dicts": [{"speakers": ["m", "human"], '
    '"dialogue": [{"id": "human", "text": "Hi"}, {"id": "m", "text": "Hello"}]}, {"speakers": ["n", "human"], '
    '"dialogue": [{"id": "human", "text": "Hi"}, {"id": "n", "text": "What?"}]}]}',
    is_acute,
    read_records=record_reader(acute_pairs),
)
