"""Log formats that are described by paths instead of code.

A description names the keys by which a record is recognised, the path of its turns, and the paths of what a turn
holds. `DescribedFormat.log_format()` makes a `LogFormat` of it. Paths are those of `paths`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from convexplain.parts import Media, Part, Reasoning, Text

from .api_messages import merge_thoughts
from .content_blocks import attachment_part, content_parts, thought_text
from .fields import content_or_placeholder, count_summary, rating
from .html_text import html_to_text
from .log_format import LogFormat
from .message_tree import MessageTree
from .metadata import clean_text, extra_metadata, find_timestamp, parse_timestamp, record_id
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn, ProblemReporter, UnreadableError
from .paths import as_word, first_keys, has_key, holds, keyed_values_at, plain_keys, value_at, values_at
from .roles import role_of
from .turn_groups import TurnGroups

_FIRST_MESSAGES = 5
"""Messages of a list by which it is recognised."""
_EMPTY = "messages without text"
_UNREADABLE = "messages that are no objects"

Content = str | Sequence[Any]
"""A text, or the parts of a content in a shape that `content_blocks` reads."""


@dataclass(frozen=True, slots=True)
class LabelField:
    """A person's label of an answer.

    Attributes:
        path: the label in the turn's object.
        name: the log's own name of the rated quality.
        scores: the score of each label, in [0, 1], 1 is good; by the label as a word (`true`, `3`, `good`).
        rubric: the rubric that it answers; None where the user decides that.
    """

    path: str
    name: str
    scores: Mapping[str, float]
    rubric: str | None = None


@dataclass(frozen=True, slots=True)
class TreeLinks:
    """The links between the messages of a conversation that is a tree.

    Attributes:
        id, parent: the paths of a message's id and of its parent's, in a turn's object. Where the objects are the
            values of an object, its keys are their ids.
        children: the key of the list of the answers' ids, for messages that do not name their parent.
        replies: the key of the list of answers, where messages hold their answers; without any such list their parents
            count.
        current: the path in a conversation of the id of the last message that was shown.
    """

    id: str = "id"
    parent: str = "parent"
    children: str | None = None
    replies: str | None = None
    current: str | None = None


@dataclass(frozen=True, slots=True)
class DescribedFormat:
    """A log format by paths.

    Attributes:
        name, description, example, precedence: as of `LogFormat`.
        keys: a record has all of these paths (of lists some of the first items have them); `path=word` also compares.
        test: a last test of a record, where the keys do not suffice; cheap, and on keys only.
        conversations: the conversations in a record; "" where the record is one. Where they are the values of an
            object, its keys are their ids, unless they have some.
        turns: the objects of a conversation that hold its turns; "" where the conversation is the only one.
        role: the speaker's word in a turn's object, or a function that returns it.
        roles: the speaker's words that a reader of the log would not know, as words (`true`), with their roles.
        content: the text, or its parts, in a turn's object, or a function that returns them.
        reasoning: the texts of a turn in which a model thinks before it answers.
        exchange: in place of `role` and `content`, where an object holds several turns: roles with their contents.
        parse: in place of all of these: returns the turns in an object.
        html: whether texts are HTML.
        attachments: the files that come with a turn.
        speaker_name, at: the speaker's name; the time (without it, the usual keys).
        order: orders the turns: a number or a time in a turn's object; without it they are in order.
        tree: the links between the turns' objects, where they are a tree; the branch that was shown is read.
        left_out: conditions (`paths.holds`) under which a turn's object is no turn, with what such objects are called
            in the remark that counts them: `{"private": "internal notes"}`.
        system: the system text in a conversation.
        id: the id of a conversation; without it, the usual keys.
        group: where a record holds some turns of a conversation, or of several: the path of the conversation's id in a
            turn's object, or in the record.
        messages: whether the keys are those of single messages, which make up a list by themselves; then `turns` is
            the path from such a list: `[*]`.
        labels: people's labels of an answer.
        unused: further keys of a conversation, and of a turn, that are no metadata.
    """

    name: str
    description: str
    example: str
    keys: Sequence[str] = ()
    test: Callable[[Any], bool] = lambda _: True
    conversations: str = ""
    turns: str = ""
    role: str | Callable[[Mapping[str, Any]], str] = "role"
    roles: Mapping[str, str] = field(default_factory=dict)
    content: str | Callable[[Mapping[str, Any]], Content] = "content"
    reasoning: str | None = None
    exchange: Sequence[tuple[str, str]] = ()
    parse: Callable[[Mapping[str, Any]], Sequence[ParsedTurn]] | None = None
    html: bool = False
    attachments: str | None = None
    speaker_name: str | None = None
    at: str | None = None
    order: str | None = None
    tree: TreeLinks | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    system: str | None = None
    id: str | None = None
    group: str | None = None
    messages: bool = False
    labels: Sequence[LabelField] = ()
    unused: Sequence[str] = ()
    precedence: int = 0

    def log_format(self) -> LogFormat:
        """Return the format of this description."""
        return LogFormat(
            self.name,
            self.description,
            self.example,
            self.is_message_list if self.messages else self.has_keys,
            None if self.group is not None else self.read_record,
            self.read_records if self.group is not None else None,
            self.has_keys if self.messages else lambda _: False,
            precedence=self.precedence,
        )

    def branches_format(self) -> LogFormat:
        """Return the format that reads every branch of a tree as a conversation, where a person names it."""
        return replace(
            self.log_format(),
            name=f"{self.name}-branches",
            description=f"The same as {self.name}, with every branch as a conversation; only if it is named.",
            read_record=lambda record: self.read_record(record, branches=True),
            only_named=True,
        )

    def has_keys(self, value: Any) -> bool:
        """Return whether a JSON value has the keys of a record."""
        return isinstance(value, dict) and all(has_key(value, key) for key in self.keys) and self.test(value)

    def is_message_list(self, value: Any) -> bool:
        """Return whether a JSON value holds a list of messages."""
        if isinstance(value, dict):
            value = next((value[key] for key in first_keys(self.turns) if key in value), None)
        return isinstance(value, list) and any(map(self.has_keys, value[:_FIRST_MESSAGES]))

    def read_record(self, record: Any, *, branches: bool = False) -> list[ParsedConversation]:
        """Return the conversations in a record.

        Args:
            record: the record.
            branches: whether each branch of a tree is a conversation, or only the branch that was shown.

        Raises:
            UnreadableError: it has no conversations.
        """
        conversations: list[ParsedConversation] = []
        for key, body in keyed_values_at(record, self.conversations):
            if self.tree is None:
                conversations.append(self.read_conversation(body, values_at(body, self.turns)))
            else:
                conversations += self._read_tree(body, self.tree, branches=branches)
            conversations[-1].id = conversations[-1].id or clean_text(key) or None
        if not conversations:
            raise UnreadableError("the record has no conversations")
        return conversations

    def read_conversation(self, body: Any, objects: Sequence[Any]) -> ParsedConversation:
        """Return a conversation.

        Args:
            body: the object that holds it, for its id and its metadata.
            objects: the objects of its turns, oldest first.
        """
        counts: Counter[str] = Counter()
        groups = TurnGroups(self.order)
        for item in objects:
            for turn in self.parse_turns(item, counts):
                groups.add("", 0, turn, as_word(value_at(item, self.order or "")))
        parsed = next((group.conversations[0] for group in groups.records()), ParsedConversation([]))
        parsed.turns = merge_thoughts(parsed.turns)
        if isinstance(body, dict):
            self._add_context(parsed, body)
        if counts:
            parsed.remarks.append(_left_out_remark(counts))
            parsed.aside += [item for item in objects if isinstance(item, dict) and self._reason_left_out(item)]
        return parsed

    def _read_tree(self, body: Any, links: TreeLinks, *, branches: bool) -> list[ParsedConversation]:
        keyed = keyed_values_at(body, self.turns)
        objects = [(key, item) for key, item in keyed if isinstance(item, dict)]
        if links.replies is not None and any(item.get(links.replies) for _, item in objects):
            tree = MessageTree.of_nested([item for _, item in objects], links.replies, self._speaks, self._seconds)
        else:
            messages: dict[str, Any] = {}
            for key, item in objects:
                name = as_word(value_at(item, links.id)) or key
                messages[name if name and name not in messages else f"{name}#{len(messages)}"] = item
            tree = MessageTree.of_links(messages, links.parent, links.children, self._speaks, self._seconds)
        end = as_word(value_at(body, links.current)) or None if links.current is not None else None

        def parse(path: Sequence[Any]) -> ParsedConversation:
            return self.read_conversation(body, path)

        conversations = tree.branches(end, parse) if branches else [tree.shown_branch(end, parse)]
        if len(objects) < len(keyed):
            conversations[0].remarks.append(f"{len(keyed) - len(objects)} {_UNREADABLE} are left out")
        return conversations

    def _speaks(self, item: Any) -> bool:
        return bool(self.parse_turns(item, Counter()))

    def _seconds(self, item: Any) -> float:
        at, _ = self._time(item)
        return 0.0 if at is None or at.tzinfo is None else at.timestamp()

    def read_records(self, records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
        """Yield the conversations of which each record is a part."""
        counts: Counter[str] = Counter()
        groups = TurnGroups(self.order)
        aside: list[Any] = []
        for position, record in records:
            for item in values_at(record, self.turns):
                if isinstance(item, dict) and self._reason_left_out(item) is not None:
                    aside.append(item)
                group_id = as_word(value_at(item, self.group or "") or value_at(record, self.group or ""))
                if not group_id:
                    report(position, f"a message without a {self.group!r}")
                    continue
                for turn in self.parse_turns(item, counts):
                    groups.add(clean_text(group_id), position, turn, as_word(value_at(item, self.order or "")))
        if counts:
            report(None, _left_out_remark(counts), kept=True)
        for record in groups.records():
            record.conversations[0].aside, aside = aside, []
            yield record

    def parse_turns(self, item: Any, counts: Counter[str]) -> list[ParsedTurn]:
        """Return the turns in an object; what is left out is counted by what it is called."""
        if not isinstance(item, dict):
            counts[_UNREADABLE] += 1
            return []
        if (reason := self._reason_left_out(item)) is not None:
            counts[reason] += 1
            return []
        if self.parse is not None:
            turns = [turn for turn in self.parse(item) if turn.content.strip() or turn.is_thought]
        else:
            turns = self._turns(item)
        if not turns:
            counts[_EMPTY] += 1
        return turns

    def _reason_left_out(self, item: Any) -> str | None:
        """Return what an object that is no turn is called; None for a turn's."""
        return next((name for condition, name in self.left_out.items() if holds(item, condition)), None)

    def _turns(self, item: Mapping[str, Any]) -> list[ParsedTurn]:
        """Return the turns in an object: several where it is an exchange, or also holds the results of tools."""
        at, at_key = self._time(item)
        is_conversation = not (self.turns or self.group)  # then these are the conversation's own metadata
        metadata = {} if is_conversation else extra_metadata(item, {*self._turn_keys(), at_key})
        metadata = {key: value for key, value in metadata.items() if value not in ([], {}, "")}
        name = value_at(item, self.speaker_name) if self.speaker_name else None
        name = clean_text(name) if isinstance(name, str) and role_of(name) is None else None
        if self.exchange:
            contents = [(speaker, self._parts(values_at(item, path))) for speaker, path in self.exchange]
        else:
            contents = [(self._speaker(item), self._message_parts(item))]
        turns = [
            turn
            for speaker, parts in contents
            for turn in ParsedTurn.of_parts(speaker, parts, name, at, dict(metadata)).without_results()
            if turn.content.strip() or turn.is_thought
        ]
        if turns and (ratings := self._ratings(item)):
            turns[-1].metadata["ratings"] = ratings
        return turns

    def _message_parts(self, item: Mapping[str, Any]) -> list[Part]:
        content = values_at(item, self.content) if isinstance(self.content, str) else self.content(item)
        thoughts = filter(None, map(thought_text, values_at(item, self.reasoning) if self.reasoning else ()))
        files = values_at(item, self.attachments) if self.attachments else ()
        return [*map(Reasoning, thoughts), *self._parts(content), *map(attachment_part, files)]

    def _parts(self, content: Content) -> list[Part]:
        try:
            parts = content_parts(content if isinstance(content, str) else list(content))
        except RecursionError:
            return [Media("content")]
        if not self.html:
            return list(parts)
        return [Text(html_to_text(part.text)) if isinstance(part, Text) else part for part in parts]

    def _turn_keys(self) -> set[str]:
        """Return the keys of a turn's object that are no metadata."""
        contents = [path for _, path in self.exchange] if self.exchange else [self.content]
        names = [path for path in (self.role, self.speaker_name) if isinstance(path, str)]
        keys = first_keys(*(path for path in contents if isinstance(path, str)))
        if self.tree is not None:
            keys |= plain_keys(*filter(None, (self.tree.parent, self.tree.children, self.tree.replies)))
        return {*keys, *plain_keys(*names), *self.unused}

    def _speaker(self, item: Mapping[str, Any]) -> str:
        word = as_word(value_at(item, self.role)) if isinstance(self.role, str) else self.role(item)
        return self.roles.get(word, word)

    def _time(self, item: Mapping[str, Any]) -> tuple[datetime | None, str | None]:
        if self.at is None:
            return find_timestamp(item)
        return parse_timestamp(value_at(item, self.at)), self.at

    def _ratings(self, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        words = [(label, as_word(value_at(item, label.path))) for label in self.labels]
        return [
            rating(label.name, label.scores[word], word, label.rubric) for label, word in words if word in label.scores
        ]

    def _add_context(self, parsed: ParsedConversation, body: Mapping[str, Any]) -> None:
        """Add a conversation's id, its system text and its metadata."""
        used = {*first_keys(self.turns), *plain_keys(self.system or ""), *self.unused}
        if not self.turns:
            used |= first_keys(*(path for _, path in self.exchange))
        if self.id is not None:
            parsed.id = clean_text(as_word(value_at(body, self.id))) or None
            used |= plain_keys(self.id)
        else:
            parsed.id, id_key = record_id(body)
            used.add(id_key or "")
        parsed.metadata = extra_metadata(body, used)
        system = content_or_placeholder(value_at(body, self.system)) if self.system else ""
        if system.strip():
            parsed.turns.insert(0, ParsedTurn("system", system))


def _left_out_remark(counts: Counter[str]) -> str:
    """Return the remark that counts the objects that are no turns."""
    return f"left out: {count_summary(counts)}"
