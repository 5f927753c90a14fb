"""Conversations, rubrics and runs in the forms that callers give them: turns, messages, lists, data frames, files."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from convexplain.connectors.logs import read_log
from convexplain.connectors.message_objects import turns_of
from convexplain.errors import LogError, Problem, UsageError
from convexplain.rubrics import load_rubric, rubric_ids
from convexplain.types import ROLES, Conversation, Rubric, Turn

_log = logging.getLogger("convexplain")

ConversationLike: TypeAlias = Conversation | Sequence[Turn] | Sequence[Mapping[str, Any]] | Sequence[Any]
"""A Conversation; its turns, as `Turn` objects or mappings with `role` and `content`; or LangChain's messages."""
ConversationsLike: TypeAlias = ConversationLike | Sequence[Conversation] | Any
"""One conversation, several, or a pandas DataFrame whose columns a log reader recognises."""
Logs: TypeAlias = str | Path | Sequence[str | Path] | ConversationsLike
"""Log files or folders; or conversations."""
RunLike: TypeAlias = int | str
"""A run, by its number or its name."""
RubricLike: TypeAlias = str | Path | Rubric
"""A rubric, the id of a shipped one, or the path of a YAML file."""


def rubrics_of(rubrics: RubricLike | Sequence[RubricLike]) -> list[Rubric]:
    """Return one or several rubrics.

    Raises:
        UsageError: one is named twice.
        RubricError: there is no such rubric, or its file is not valid.
    """
    named = [rubrics] if isinstance(rubrics, (str, Path, Rubric)) else list(rubrics)
    loaded = [rubric if isinstance(rubric, Rubric) else load_rubric(rubric) for rubric in named]
    ids = [rubric.id for rubric in loaded]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise UsageError(f"rubric {', '.join(twice)} is named twice")
    return loaded


def kept_rubrics(keep: Sequence[str | Rubric], goals: Sequence[Rubric], at_hand: Sequence[Rubric] = ()) -> list[Rubric]:
    """Return the rubrics of the maxims that an edit must not lower.

    Args:
        keep: the rubrics, ids of shipped ones, or paths of YAML files.
        goals: the rubrics whose scores are to change; none of them can be kept.
        at_hand: rubrics that may be named by their ids too, and come before shipped ones.

    Raises:
        UsageError: there is no such rubric, one is named twice, or is to change.
        RubricError: a rubric's file is not valid.
    """
    by_id = {rubric.id: rubric for rubric in at_hand}
    for name in keep:
        if isinstance(name, str) and name not in {*by_id, *rubric_ids()} and not Path(name).is_file():
            ids = ", ".join(dict.fromkeys([*by_id, *rubric_ids()]))
            raise UsageError(f"keep={name!r} is not valid; valid are {ids}, and paths of rubric files")
    rubrics = rubrics_of([by_id.get(name, name) if isinstance(name, str) else name for name in keep])
    for rubric in rubrics:
        if rubric.id in {goal.id for goal in goals}:
            raise UsageError(
                f"keep={rubric.id!r} is not valid: the search is to change that maxim's score; keep other maxims, or "
                "name the one that is to change (--rubric)"
            )
        if mismatch := next((goal for goal in goals if goal.scope != rubric.scope), None):
            raise UsageError(
                f"keep={rubric.id!r} is not valid with {mismatch.id}: one judges turns, the other conversations; keep "
                f"maxims of {mismatch.scope}s, or name the rubric whose score is to change (--rubric)"
            )
    return rubrics


def conversation_of(conversation: ConversationLike) -> Conversation:
    """Return one conversation.

    Raises:
        UsageError: it is no conversation, or a role is not valid.
    """
    if isinstance(conversation, Conversation):
        return conversation
    if isinstance(conversation, (str, bytes, Mapping)) or not isinstance(conversation, Sequence):
        raise UsageError(
            f"conversation: {type(conversation).__name__} is not valid; valid are a Conversation, a list of turns or a "
            "list of messages (read_log reads files)"
        )
    turns = [turn for i, message in enumerate(conversation) for turn in _turns(i, message)]
    return Conversation("conversation", tuple(turns))


def conversations_of(conversations: ConversationsLike) -> list[Conversation]:
    """Return one or several conversations as a list.

    Raises:
        UsageError: they are none.
        LogError: a data frame is no log.
    """
    if hasattr(conversations, "to_csv") and hasattr(conversations, "columns"):
        return list(_of_frame(conversations))
    if isinstance(conversations, Sequence) and conversations:
        members: Sequence[Any] = conversations
        if all(isinstance(member, Conversation) for member in members):
            return list(members)
        if all(isinstance(member, (list, tuple)) and not _is_pair(member) for member in members):
            turns = [conversation_of(member).turns for member in members]
            return [Conversation(f"conversation-{i}", texts) for i, texts in enumerate(turns, 1)]
    return [conversation_of(conversations)]


def _is_pair(message: Sequence[Any]) -> bool:
    """Return whether a message is a pair of role and text."""
    return len(message) == 2 and all(isinstance(part, str) for part in message)


def _turns(position: int, message: Any) -> Iterator[Turn]:
    if isinstance(message, list) and _is_pair(message):  # JSON has no tuples
        message = tuple(message)
    if isinstance(message, Turn):
        yield message
    elif isinstance(message, Mapping) and "role" in message:
        yield _turn(position, message)
    else:
        turns = turns_of([message])
        if not turns:
            raise UsageError(
                f"turn {position}: {type(message).__name__} is not valid; valid are Turn objects, mappings with 'role' "
                "and 'content', and messages"
            )
        yield from turns


def _turn(position: int, message: Mapping[str, Any]) -> Turn:
    role, content = message.get("role"), message.get("content")
    turns = turns_of([dict(message)]) if role in ROLES else ()  # with parts, calls of tools and reasoning
    if turns and (isinstance(content, str) or turns[0].content.strip()):
        return turns[0]
    raise UsageError(
        f"turn {position}: it needs a 'role' out of {', '.join(ROLES)} and a 'content' that is a string; "
        f"it has {role!r} and {type(content).__name__}"
    )


def _of_frame(frame: Any) -> Iterator[Conversation]:
    """Yield the conversations of a pandas DataFrame, read as the same table in a file would be."""

    def refuse(problem: Problem) -> None:
        if not problem.kept:
            raise LogError("DataFrame", problem.line, problem.reason)
        _log.warning("DataFrame: %s", problem.reason)

    with TemporaryDirectory(prefix="convexplain-") as folder:
        path = Path(folder) / "frame.csv"
        frame.to_csv(path, index=False)
        for conversation in read_log(path, on_problem=refuse):
            yield Conversation(conversation.id, conversation.turns, "DataFrame", conversation.metadata)
