r"""Anthropic's HH transcripts: `{"chosen": "\n\nHuman: …\n\nAssistant: …", "rejected": …}`.

A pair gives two conversations; the red-team file's `{"transcript": …}` gives one.
"""

import re
from collections.abc import Mapping
from typing import Any

from .drafts import Draft, Said
from .values import extras

_MARK = re.compile(r"(?:^|\n\n)(Human|Assistant):")
_KEYS: dict[str, tuple[str, bool | None]] = {
    "chosen": ("-chosen", True),
    "rejected": ("-rejected", False),
    "transcript": ("", None),
}


def is_record(value: Any) -> bool:
    """Whether a JSON value is an object with such a transcript."""
    return isinstance(value, dict) and any(_is_transcript(value.get(key)) for key in _KEYS)


def drafts(record: Mapping[str, Any]) -> list[Draft]:
    """The conversations in a record, the chosen one first."""
    pair = "chosen" in record or "rejected" in record
    keys = [key for key in _KEYS if _is_transcript(record.get(key)) and (not pair or key != "transcript")]
    found = []
    for key in keys:
        suffix, preferred = _KEYS[key]
        draft = Draft(turns(record[key]), extras(record, keys), suffix=suffix, preferred=preferred)
        empty = [str(number) for number, said in enumerate(draft.said, 1) if not said.content.strip()]
        if empty:
            draft.remarks.append(f"{key}: turn {', '.join(empty)} is empty")
        found.append(draft)
    if pair and len(found) == 1:
        other = "rejected" if keys == ["chosen"] else "chosen"
        found[0].remarks.append(f"the pair has no transcript in {other!r}")
    return found


def turns(transcript: str) -> list[Said]:
    """The turns of a transcript, each without the blank after its colon."""
    pieces = _MARK.split(transcript)
    # What comes before the first mark is blank: _is_transcript has looked.
    return [
        Said(speaker, content.removeprefix(" ")) for speaker, content in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _is_transcript(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    first = _MARK.search(value)
    return first is not None and not value[: first.start()].strip()
