"""Trees of messages: each message answers an earlier one, and an answer that was asked for again has siblings.

One branch of a tree was on the screen last; it is the conversation. The other branches are counted in a remark, or are
conversations of their own where a person asks for them (the formats whose names end in `-branches`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .metadata import find_timestamp
from .parse_results import ParsedConversation, UnreadableError
from .paths import as_word, value_at

_NO_PARENT = re.compile(r"[0-]+|0{8}-0{4}-4000-8000-0{12}|root|client-created-root")
"""Ids that interfaces write for the parent of a first message."""

PathParser = Callable[[Sequence[Any]], ParsedConversation]
"""Returns the conversation of the messages of a path, oldest first; may raise UnreadableError."""


def message_time(message: Any) -> float:
    """Return the time of a message under its usual keys, in seconds; 0 where it has none with a time zone."""
    at, _ = find_timestamp(message) if isinstance(message, dict) else (None, None)
    return 0.0 if at is None or at.tzinfo is None else at.timestamp()


@dataclass(frozen=True, slots=True)
class MessageTree:
    """Messages with their parents.

    Attributes:
        messages: the messages by their ids, in the order of the log.
        parents: each message's parent, for those that name one; it may be missing from the messages.
        speaks: returns whether a message is one, and no node that only holds a tree together.
        time: returns the time of a message in seconds, 0 where it has none; the latest end of a branch is the one
            that was shown, where the log names none.
    """

    messages: Mapping[str, Any]
    parents: Mapping[str, str]
    speaks: Callable[[Any], bool] = lambda _: True
    time: Callable[[Any], float] = message_time

    @classmethod
    def of_links(
        cls,
        messages: Mapping[str, Any],
        parent: str,
        children: str | None = None,
        speaks: Callable[[Any], bool] = lambda _: True,
        time: Callable[[Any], float] = message_time,
    ) -> "MessageTree":
        """Return the tree of messages that name their parent, their children, or both.

        Messages without any such link follow each other in the order of the log.

        Args:
            messages: the messages by their ids.
            parent: the path of the parent's id in a message.
            children: the key of the list of the children's ids.
            speaks, time: as of the class.
        """
        named = {key: as_word(value_at(message, parent)) for key, message in messages.items()}
        parents = {
            key: name for key, name in named.items() if name in messages or (name and not _NO_PARENT.fullmatch(name))
        }
        for key, message in messages.items() if children is not None else ():
            names = message.get(children)
            for child in names if isinstance(names, list) else ():
                if isinstance(child, str) and child in messages:
                    parents.setdefault(child, key)
        if not parents and not any(named.values()):
            names = list(messages)
            parents = dict(zip(names[1:], names[:-1], strict=True))
        return cls(messages, parents, speaks, time)

    @classmethod
    def of_nested(
        cls,
        roots: Sequence[Any],
        replies: str,
        speaks: Callable[[Any], bool] = lambda _: True,
        time: Callable[[Any], float] = message_time,
    ) -> "MessageTree":
        """Return the tree of messages that hold their replies.

        Args:
            roots: the first messages.
            replies: the key of the list of replies in a message.
            speaks, time: as of the class.
        """
        messages: dict[str, Any] = {}
        parents: dict[str, str] = {}
        pending: list[tuple[Any, str | None]] = [(root, None) for root in reversed(roots)]
        while pending:
            message, parent = pending.pop()
            name = str(len(messages))
            messages[name] = message
            if parent is not None:
                parents[name] = parent
            inner = message.get(replies) if isinstance(message, dict) else None
            if isinstance(inner, list):
                pending += [(reply, name) for reply in reversed(inner) if isinstance(reply, dict)]
        return cls(messages, parents, speaks, time)

    @classmethod
    def of_alternatives(cls, turns: Sequence[Sequence[Any]], selected: Sequence[int]) -> tuple["MessageTree", str]:
        """Return the tree of turns of which each has several versions, and the id of the last selected version.

        Args:
            turns: the versions of each turn.
            selected: the place of the version that was shown, for each turn; the next turn answers it.
        """
        messages: dict[str, Any] = {}
        parents: dict[str, str] = {}
        last = ""
        for number, (versions, place) in enumerate(zip(turns, selected, strict=True)):
            for version, message in enumerate(versions):
                name = f"{number}/{version}"
                messages[name] = message
                if last:
                    parents[name] = last
            if versions:
                last = f"{number}/{place if 0 <= place < len(versions) else 0}"
        return cls(messages, parents, time=lambda _: 0.0), last

    def ends(self) -> list[str]:
        """Return the ids of the messages that nobody answered; all ids where each message has an answer (a circle)."""
        inner = set(self.parents.values())
        return [key for key in self.messages if key not in inner] or list(self.messages)

    def latest_end(self) -> str | None:
        """Return the id of the latest message that nobody answered, of equal times the last; None without messages."""
        return max(reversed(self.ends()), key=lambda key: self.time(self.messages[key]), default=None)

    def roots(self) -> list[str]:
        """Return the ids of the messages whose parent is not among the messages."""
        return [key for key in self.messages if self.parents.get(key) not in self.messages]

    def children(self) -> dict[str, list[str]]:
        """Return the ids of each message's answers, in the order of the log."""
        children: dict[str, list[str]] = {}
        for key in self.messages:
            if key in self.parents:
                children.setdefault(self.parents[key], []).append(key)
        return children

    def best_path(self, root: str, children: Mapping[str, Sequence[str]], order: Callable[[Any], Any]) -> list[str]:
        """Return the path from a root on which each message is the best answer to the one before it.

        Args:
            root: the id of the first message.
            children: as `children` returns them.
            order: the sort key of a message among its siblings, the best one first.
        """
        path = [root]
        while answers := children.get(path[-1]):
            path.append(min(answers, key=lambda key: order(self.messages[key])))
        return path

    def circular(self, children: Mapping[str, Sequence[str]]) -> list[str]:
        """Return the ids of the messages that lie on a circle, or behind one: no root leads to them.

        Args:
            children: as `children` returns them.
        """
        reached: set[str] = set()
        pending = self.roots()
        while pending:
            reached.add(pending[-1])
            pending += children.get(pending.pop(), ())
        return [key for key in self.messages if key not in reached]

    def path_to(self, end: str, remarks: list[str]) -> list[str]:
        """Return the ids of the messages from the first one to an end; what is broken on the way is a remark."""
        path: list[str] = []
        passed: set[str] = set()
        at: str | None = end
        while at is not None and at in self.messages:
            if at in passed:
                remarks.append("its messages follow each other in a circle: read from where it closes")
                break
            passed.add(at)
            path.append(at)
            at = self.parents.get(at)
            if at is not None and at not in self.messages:
                remarks.append("a message before its first one is missing")
        return path[::-1]

    def shown_branch(self, end: str | None, parse: PathParser) -> ParsedConversation:
        """Return the conversation that ends with a message; a remark counts the other branches.

        Args:
            end: the id of the last message that was shown; the latest one is taken where there is none.
            parse: returns the conversation of the messages of a path.
        """
        remarks: list[str] = []
        if end is not None and end not in self.messages:
            remarks.append("its current message is not there: the latest one is taken")
            end = None
        end = self.latest_end() if end is None else end
        path = [] if end is None else self.path_to(end, remarks)
        remarks += self._branch_remarks(path)
        conversation = parse([self.messages[key] for key in path])
        conversation.remarks[:0] = remarks
        on_path = set(path)
        conversation.aside += [message for key, message in self.messages.items() if key not in on_path]
        return conversation

    def branches(self, end: str | None, parse: PathParser) -> list[ParsedConversation]:
        """Return each branch as a conversation, the one that was shown first; branches without text are left out.

        Args:
            end, parse: as of `shown_branch`.
        """
        ends = [key for key in self.ends() if self.speaks(self.messages[key])]
        if end is None or end not in self.messages:
            ends.sort(key=lambda key: -self.time(self.messages[key]))
        else:
            ends = [end, *(key for key in ends if key != end)]
        return list(self._branch_conversations(ends, parse)) or [self.shown_branch(end, parse)]

    def _branch_conversations(self, ends: Sequence[str], parse: PathParser) -> Iterator[ParsedConversation]:
        for number, end in enumerate(ends, 1):
            remarks: list[str] = []
            path = self.path_to(end, remarks)
            try:
                conversation = parse([self.messages[key] for key in path])
            except UnreadableError:  # a branch that ends with what is hidden
                continue
            if any(turn.content.strip() for turn in conversation.turns):
                conversation.remarks[:0] = remarks
                conversation.suffix = f"-branch{number}" if number > 1 else ""
                yield conversation

    def _branch_remarks(self, path: Sequence[str]) -> list[str]:
        on_path, inner = set(path), set(self.parents.values())
        speaking = [key for key, message in self.messages.items() if key not in on_path and self.speaks(message)]
        ends = sum(key not in inner for key in speaking)
        return [f"{len(speaking)} messages of other branches ({ends} ends) are left out"] if speaking else []
