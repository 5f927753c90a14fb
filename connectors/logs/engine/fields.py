"""What the readers of data sets, bot frameworks and support desks share: taking values out of records of any shape."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .message_lists import content_text
from .metadata import clean_text
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn, ProblemReporter, UnreadableError

_WORDS = ("image", "audio", "video")
_SUFFIXES = {
    "image": (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".svg", ".heic"),
    "audio": (".mp3", ".wav", ".ogg", ".opus", ".m4a"),
    "video": (".mp4", ".mov", ".webm", ".avi"),
}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def object_at(record: Any, *path: str) -> dict[str, Any]:
    """The object at a path of keys; an empty one where there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record if isinstance(record, dict) else {}


def first_text(record: Any, *names: str) -> str:
    """The first text under one of the keys that is not blank, else an empty one."""
    found = (record.get(name) for name in names) if isinstance(record, dict) else ()
    return next((value for value in found if isinstance(value, str) and value.strip()), "")


def content_or_placeholder(value: Any) -> str:
    """A message's content as text; a placeholder for what is nested too deeply to be read."""
    try:
        return content_text(value)
    except RecursionError:
        return "[content]"


def identifier(record: Any, *names: str) -> str:
    """An id or a name: the first text or whole number under one of the keys, without blanks around it."""
    for value in (record.get(name) for name in names) if isinstance(record, dict) else ():
        if isinstance(value, int | str) and not isinstance(value, bool) and str(value).strip():
            return clean_text(str(value).strip())
    return ""


def decoded_json(value: Any) -> Any:
    """A value that may be JSON inside a text; None where such a text is no JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def file_placeholder(kind: Any, name: Any = None) -> str:
    """What stands for a file: `[image: a.png]`, `[file]`.

    Args:
        kind: its media type, or nothing: then its name's ending tells.
        name: its name, a path or an address.
    """
    kind = kind.partition("/")[0].strip().lower() if isinstance(kind, str) else ""
    shown = " ".join(name.split()) if isinstance(name, str) else ""
    bare = shown.partition("?")[0].lower()
    if kind not in _WORDS:
        kind = next((kind for kind, endings in _SUFFIXES.items() if bare.endswith(endings)), "file")
    return f"[{kind}: {shown}]" if shown else f"[{kind}]"


def count_summary(kinds: Counter[str], most: int = 10) -> str:
    """Kinds with their counts, for a remark: `3 slot, 1 action`."""
    return ", ".join(f"{count} {clean_text(kind)[:40]}" for kind, count in kinds.most_common(most))


def rating(name: str, score: float, label: str, rubric: str | None = None, rater: str | None = None) -> dict[str, Any]:
    """A person's label of a turn, as `turn.metadata["ratings"]` lists them.

    Args:
        name: the log's own name of what was rated.
        score: in [0, 1], 1 is good.
        label: as it was written.
        rubric: the rubric that it answers; None where that is the user's to say.
        rater: who, where it is known.
    """
    found = {"name": name, "rubric": rubric, "score": score, "label": label, "rater": rater}
    return {key: value for key, value in found.items() if value is not None}


def scale_number(value: Any, least: int, most: int) -> int | None:
    """A number on a scale of whole numbers; None where it is none of them."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        return None
    return int(value) if value == int(value) else None


def add_turn(draft: ParsedConversation, said: ParsedTurn) -> None:
    """Adds a turn, with a remark where it is empty."""
    draft.turns.append(said)
    if not said.content.strip():
        draft.remarks.append(f"turn {len(draft.turns)} ({said.speaker!r}) is empty")


def record_reader(
    read: Callable[[Any], Iterable[tuple[str | None, Sequence[ParsedConversation]]]],
) -> Callable[[Sequence[tuple[int, Any]], ProblemReporter], Iterator[ParsedRecord]]:
    """The `joined` of a format whose records hold several conversations, each with its own id.

    Args:
        read: the conversations of a record, each id with its drafts; may raise UnreadableError.
    """

    def joined(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
        number = 0
        for position, value in records:
            try:
                found = list(read(value))
            except UnreadableError as error:
                report(position, str(error))
                continue
            except RecursionError:
                report(position, "JSON nested too deeply")
                continue
            for own, drafts in found:
                number += 1
                yield ParsedRecord(position, number, own, drafts)

    return joined
