"""What the formats' modules hand on: turns whose speakers are still words, before roles and ids."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """One turn as the log has it.

    Attributes:
        speaker: the log's own word for who speaks ("gpt", "Anna"); empty when it does not say.
        content: the text, untouched.
        name: a name that the log gives besides the speaker's word.
        at: when it was said.
        metadata: whatever else the log holds about it.
    """

    speaker: str
    content: str
    name: str | None = None
    at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Draft:
    """A conversation before its roles and its id are settled.

    Attributes:
        said: the turns, oldest first.
        metadata: whatever else the log holds about the conversation.
        remarks: what a person should know of it although it can be read.
        suffix: ends the id, where one record gives several conversations.
        preferred: of a preference pair, whether this is the chosen one; None when it is no pair.
    """

    said: list[Said]
    metadata: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    suffix: str = ""
    preferred: bool | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a log.

    Attributes:
        position: what a problem points at: its line, or its number where lines mean nothing.
        number: its 1-based number, which makes up an id where the log has none.
        id: the log's own id.
        drafts: the conversations in it.
        speakers_certain: False where a word before a colon may be no speaker at all (plain transcripts).
    """

    position: int
    number: int
    id: str | None
    drafts: Sequence[Draft]
    speakers_certain: bool = True
