"""Which column of a table holds what."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from convexplain.errors import UsageError

from .problems import shown
from .roles import key


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The columns of a table, by the names in its first row.

    Attributes:
        conversation: tells which conversation a row belongs to; None when the whole file is one.
        role: who speaks.
        content: what is said.
        order: a number or a moment that orders a conversation's rows; None for the order of the file.
        name: the speaker's own name.
        at: when it was said.
    """

    conversation: str | None
    role: str
    content: str
    order: str | None = None
    name: str | None = None
    at: str | None = None

    def named(self) -> list[str]:
        """The columns that are given."""
        given = (getattr(self, field.name) for field in fields(self))
        return [column for column in given if column is not None]


# The usual names, the most telling first: where a table has two of them, the first one counts and the other
# goes to the turns' metadata.
_CONVERSATION = (
    "conversation id, conversationid, conversation, conv id, convo id, dialogue id, dialogueid, dialog id, "
    "dialogid, dialogue, dialog, session id, sessionid, session, thread id, threadid, thread, "
    "chat id, chatid, ticket id"
)
_ROLE = "role, speaker, speaker role, sender, sender type, author, from, participant, who"
_CONTENT = "content, text, message, utterance, body, message text, turn text, value"
_ORDER = (
    "turn index, turn id, turn number, turn, message index, message number, index, position, order, "
    "sequence, seq, step, utterance index"
)
_AT = "timestamp, created at, createdat, sent at, datetime, date time, time, date, ts, at"
_NAME = "name, speaker name, sender name, author name, speaker, sender, author"


def find(header: Sequence[str], given: ColumnMap | None) -> ColumnMap:
    """The columns to read.

    Args:
        header: the table's first row.
        given: the caller's choice, which is only checked; None to go by the usual names.

    Raises:
        UsageError: a given column is not there, or the conversation, the role or the content cannot be told.
            The message lists the table's columns.
    """
    if given is not None:
        missing = [name for name in given.named() if name not in header]
        if missing:
            raise UsageError(f"columns: no column {shown(missing)}; {_listed(header)}")
        return given
    names = {key(name): name for name in reversed(header)}
    conversation, role, content = (_first(names, usual) for usual in (_CONVERSATION, _ROLE, _CONTENT))
    if conversation is None or role is None or content is None:
        parts = {"conversation": conversation, "role": role, "content": content}
        lacking = ", ".join(part for part, column in parts.items() if column is None)
        raise UsageError(
            f"columns: cannot tell which column holds: {lacking}; {_listed(header)}. Give them with the "
            "option `columns`: ColumnMap(conversation, role, content); conversation=None where the whole "
            "file is one conversation"
        )
    at = _first(names, _AT)
    speaker = _first({word: name for word, name in names.items() if name != role}, _NAME)
    return ColumnMap(conversation, role, content, _first(names, _ORDER) or at, speaker, at)


def usual(header: Sequence[str]) -> bool:
    """Whether a row is the header of a log: it names a role and a content by their usual names."""
    names = {key(name): name for name in header}
    return _first(names, _ROLE) is not None and _first(names, _CONTENT) is not None


def _first(names: dict[str, str], usual_names: str) -> str | None:
    return next((names[name] for name in usual_names.split(", ") if name in names), None)


def _listed(header: Sequence[str]) -> str:
    return f"the file's columns are {shown(list(header), most=30)}"
