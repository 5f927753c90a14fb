"""Fields of records of any shape, for the readers of data sets, bot frameworks and support desks."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .content_blocks import content_text
from .metadata import clean_text
from .parse_results import ParsedConversation, ParsedRecord, ProblemReporter, UnreadableError

_WORDS = ("image", "audio", "video")
_SUFFIXES = {
    "image": (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".svg", ".heic"),
    "audio": (".mp3", ".wav", ".ogg", ".opus", ".m4a"),
    "video": (".mp4", ".mov", ".webm", ".avi"),
}
_PLURALS = (
    "messages notes comments events answers lines commands errors warnings ratings changes pieces objects prompts "
    "texts speakers versions instances predictions parts chunks calls swipes examples"
)
_SINGULARS = {
    **{word: word.removesuffix("s") for word in _PLURALS.split()},
    "activities": "activity",
    "summaries": "summary",
    "entries": "entry",
}


_AFTER_NOUNS = ("of", "that", "without", "about", "from", "to")
"""Words after the noun that is counted."""


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; none where the value is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def object_at(record: Any, *path: str) -> dict[str, Any]:
    """Return the object at a path of keys; an empty one where there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record if isinstance(record, dict) else {}


def first_text(record: Any, *names: str) -> str:
    """Return the first text under one of the keys that is not blank; "" for none."""
    candidates = (record.get(name) for name in names) if isinstance(record, dict) else ()
    return next((value for value in candidates if isinstance(value, str) and value.strip()), "")


def content_or_placeholder(value: Any) -> str:
    """Return a message's content as text; a placeholder for content that is nested too deeply."""
    try:
        return content_text(value)
    except RecursionError:
        return "[content]"


def identifier(record: Any, *names: str) -> str:
    """Return an id or a name: the first text or whole number under one of the keys, without blanks around it; "" for
    none.
    """
    for value in (record.get(name) for name in names) if isinstance(record, dict) else ():
        if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip():
            return clean_text(str(value).strip())
    return ""


def decoded_json(value: Any) -> Any:
    """Return the value of a JSON text, None where the text is no JSON; a value that is no text unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def file_placeholder(kind: Any, name: Any = None) -> str:
    """Return the placeholder of a file: `[image: a.png]`, `[file]`.

    Args:
        kind: its media type; where there is none, its name's ending decides.
        name: its name, a path or an address.
    """
    kind = kind.partition("/")[0].strip().lower() if isinstance(kind, str) else ""
    label = " ".join(name.split()) if isinstance(name, str) else ""
    bare = label.partition("?")[0].lower()
    if kind not in _WORDS:
        kind = next((kind for kind, endings in _SUFFIXES.items() if bare.endswith(endings)), "file")
    return f"[{kind}: {label}]" if label else f"[{kind}]"


def count_summary(kinds: Counter[str], most: int = 10) -> str:
    """Return kinds with their counts, for a remark: `3 slot, 2 internal notes, 1 message without text`."""
    return ", ".join(counted(count, clean_text(kind)[:40]) for kind, count in kinds.most_common(most))


def counted(count: int, kind: str) -> str:
    """Return a count with its kind, which is in the plural: `2 texts`, `1 text`."""
    if count != 1:
        return f"{count} {kind}"
    words = kind.split(" ")
    last = next((place for place, word in enumerate(words) if word in _AFTER_NOUNS), len(words))
    head = next((place for place, word in enumerate(words[:last]) if word in _SINGULARS), None)
    for place, word in enumerate(words):
        if place == head or (place and words[place - 1] == "no"):
            words[place] = _SINGULARS.get(word, word)
        words[place] = {"are": "is", "were": "was", "have": "has"}.get(word, words[place])
    return f"1 {' '.join(words)}"


def rating(name: str, score: float, label: str, rubric: str | None = None, rater: str | None = None) -> dict[str, Any]:
    """Return a person's label of a turn, as `turn.metadata["ratings"]` lists them.

    Args:
        name: the log's own name of the rated quality.
        score: in [0, 1], 1 is good.
        label: as it was written.
        rubric: the rubric that it answers; None where the user decides that.
        rater: the person, where known.
    """
    fields = {"name": name, "rubric": rubric, "score": score, "label": label, "rater": rater}
    return {key: value for key, value in fields.items() if value is not None}


def scale_number(value: Any, least: int, most: int) -> int | None:
    """Return a number on a scale of whole numbers; None where the value is none of them."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        return None
    return int(value) if value == int(value) else None


def record_reader(
    read_conversations: Callable[[Any], Iterable[tuple[str | None, Sequence[ParsedConversation]]]],
) -> Callable[[Sequence[tuple[int, Any]], ProblemReporter], Iterator[ParsedRecord]]:
    """Return the `read_records` of a format whose records hold several conversations, each with its own id.

    Args:
        read_conversations: returns the conversations of a record, each id with its conversations; may raise
            UnreadableError.
    """

    def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
        number = 0
        for position, value in records:
            try:
                conversations = list(read_conversations(value))
            except UnreadableError as error:
                report(position, str(error))
                continue
            except RecursionError:
                report(position, "JSON nested too deeply")
                continue
            for conversation_id, parsed in conversations:
                number += 1
                yield ParsedRecord(position, number, conversation_id, parsed)

    return read_records
