"""Comparisons of two models' answers in columns, as in the competition with Chatbot Arena's data."""

from collections.abc import Iterator, Mapping
from typing import Any

from convexplain.connectors.logs.engine.fields import content_or_placeholder, decoded_json, identifier
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn
from convexplain.connectors.logs.engine.paths import as_word

_SIDES = ("a", "b")
_WON = ("1", "1.0", "true")


def is_compared(value: Any) -> bool:
    """Return whether a JSON value is a prompt with two models' answers."""
    return isinstance(value, dict) and value.keys() >= {"prompt", "response_a", "response_b"}


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversations of both models; where one won they are a pair.

    Prompts and answers are texts, or lists of texts, also as JSON: a prompt goes with the answer in the same place.
    """
    winners = [side for side in _SIDES if as_word(record.get(f"winner_model_{side}")).lower() in _WON]
    if record.get("winner") in ("model_a", "model_b"):
        winners = [record["winner"][-1]]
    used = {"prompt", *(f"{name}_{side}" for name in ("response", "model") for side in _SIDES)}
    conversations = []
    for side in _SIDES:
        conversation = ParsedConversation([], extra_metadata(record, used), suffix=f"-{side}")
        conversation.turns = list(_turns(record["prompt"], record[f"response_{side}"], conversation.remarks))
        conversation.preferred = winners == [side] if len(winners) == 1 else None
        if model := identifier(record, f"model_{side}"):
            conversation.metadata["model"] = model
        conversations.append(conversation)
    return conversations


def _turns(prompt: Any, response: Any, remarks: list[str]) -> Iterator[ParsedTurn]:
    prompts, responses = _texts(prompt), _texts(response)
    if len(prompts) != len(responses):
        remarks.append(f"{len(prompts)} prompts have {len(responses)} answers")
    for place in range(max(len(prompts), len(responses))):
        if place < len(prompts):
            yield ParsedTurn("user", prompts[place])
        if place < len(responses):
            yield ParsedTurn("assistant", responses[place])


def _texts(value: Any) -> list[str]:
    """Return the texts in a list, or in the JSON of one; an answer that is null is an empty text."""
    decoded = decoded_json(value)
    return list(map(content_or_placeholder, decoded if isinstance(decoded, list) else [value]))


ARENA_ANSWERS = LogFormat(
    "arena-answers",
    "Prompts with the answers of two models and the winner (Chatbot Arena's data on Kaggle): a pair.",
    '{"id": 1, "model_a": "m", "model_b": "n", "prompt": "[\\"Hi\\"]", "response_a": "[\\"Hello\\"]", '
    '"response_b": "[\\"What?\\"]", "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}',
    is_compared,
    read_record,
)
