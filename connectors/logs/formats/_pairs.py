r"""Prompts with an answer, or with a chosen and a rejected one.

Each part is a text or a list of messages (Hugging Face's columns), or the whole is one text (Anthropic's HH:
`{"chosen": "\n\nHuman: …\n\nAssistant: …", "rejected": …}`; its red-team file has one `transcript`).
"""

import re
from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine import message_lists
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn

_MARK = re.compile(r"(?:^|\n\n)(Human|Assistant):")
_PAIR = ("chosen", "rejected")
_ANSWERS = ("completion", "response")
_TRANSCRIPT = "transcript"


def is_hh(value: Any) -> bool:
    """Return whether a JSON value is an object with an HH transcript."""
    return isinstance(value, dict) and any(
        _transcript(value, key) is not None for key in (*_PAIR, *_ANSWERS, _TRANSCRIPT)
    )


def is_hf(value: Any) -> bool:
    """Return whether a JSON value is an object with a prompt and an answer, or with two lists of messages."""
    if not isinstance(value, dict) or is_hh(value):
        return False
    if any(_is_list(value.get(key)) for key in _PAIR):
        return True
    answered = any(_is_part(value.get(key)) for key in (*_PAIR, *_ANSWERS))
    return answered and _is_part(value.get("prompt")) and message_lists.list_key(value) is None


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return the conversations in a record, the chosen one first.

    Raises:
        UnreadableError: a message with text does not say who speaks.
    """
    pair = any(key in record for key in _PAIR)
    keys = _PAIR if pair else (*_ANSWERS, _TRANSCRIPT)
    conversations = [conversation for key in keys if (conversation := _parse_conversation(record, key)) is not None]
    if not pair:
        return conversations[:1]
    if len(conversations) == 1:
        missing = "rejected" if conversations[0].preferred else "chosen"
        conversations[0].remarks.append(f"the pair has no conversation in {missing!r}")
    return conversations


def _parse_conversation(record: Mapping[str, Any], key: str) -> ParsedConversation | None:
    conversation = ParsedConversation([], extra_metadata(record, {*_PAIR, key, "prompt"}))
    if key in _PAIR:
        conversation.suffix, conversation.preferred = f"-{key}", key == "chosen"
    if (text := _transcript(record, key)) is not None:
        conversation.turns = _transcript_turns(text)
    elif _is_part(record.get(key)):
        prompt, answer = (
            _part_turns(record.get(name), speaker) for name, speaker in (("prompt", "user"), (key, "assistant"))
        )
        # A list of messages may hold the whole conversation although the prompt is there as well.
        repeated = [turn.content for turn in answer[: len(prompt)]] == [turn.content for turn in prompt]
        conversation.turns = answer if repeated else prompt + answer
        message_lists.add_system(conversation)
    else:
        return None
    return conversation


def _transcript(record: Mapping[str, Any], key: str) -> str | None:
    """Return the HH text under a key, or the prompt's text with the one under the key; None where there is none."""
    text, prompt = record.get(key), record.get("prompt")
    if not isinstance(text, str):
        return None
    if _is_transcript(text):
        return text
    return prompt + text if key != _TRANSCRIPT and isinstance(prompt, str) and _is_transcript(prompt) else None


def _is_transcript(text: str) -> bool:
    return text.lstrip().startswith(("Human:", "Assistant:"))


def _transcript_turns(transcript: str) -> list[ParsedTurn]:
    """Return the turns of a transcript, each without the blank after its colon."""
    _, *pieces = _MARK.split(transcript.lstrip())
    return [
        ParsedTurn(speaker, content.removeprefix(" "))
        for speaker, content in zip(pieces[::2], pieces[1::2], strict=True)
    ]


def _is_part(value: Any) -> bool:
    return isinstance(value, str) or _is_list(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and any(map(message_lists.is_turn, value))


def _part_turns(value: Any, speaker: str) -> list[ParsedTurn]:
    if isinstance(value, str):
        return [ParsedTurn(speaker, value)]
    return message_lists.parse_conversation(value)[0].turns if _is_list(value) else []
