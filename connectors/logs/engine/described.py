"""Log formats that are described by paths instead of code.

A description names the keys by which a record is recognised, the path of its turns, and the paths of what a turn
holds. `DescribedFormat.log_format()` makes a `LogFormat` of it. Paths are those of `paths`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .content_blocks import attachment_placeholder
from .fields import content_or_placeholder, count_summary, rating
from .html_text import html_to_text
from .log_format import LogFormat
from .metadata import clean_text, extra_metadata, find_timestamp, parse_timestamp, record_id
from .parse_results import ParsedConversation, ParsedRecord, ParsedTurn, ProblemReporter, UnreadableError
from .paths import as_word, first_keys, has_key, holds, plain_keys, value_at, values_at
from .turn_groups import TurnGroups

_EMPTY = "messages without text"
_UNREADABLE = "messages that are no objects"


@dataclass(frozen=True, slots=True)
class Label:
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
class DescribedFormat:
    """A log format by paths.

    Attributes:
        name, description, example, precedence: as of `LogFormat`.
        keys: a record has all of these paths (of lists some of the first items have them); `path=word` also compares.
        test: a last test of a record, where the keys do not suffice; cheap, and on keys only.
        conversations: the conversations in a record; "" where the record is one.
        turns: the objects of a conversation that hold its turns; "" where the conversation is the only one.
        role: the speaker's word in a turn's object, or a function that returns it.
        roles: the speaker's words that a reader of the log would not know, as words (`true`), with their roles.
        content: the text, or its parts, in a turn's object, or a function that returns the text.
        exchange: in place of `role` and `content`, where an object holds several turns: roles with their contents.
        parse: in place of all of these: returns the turns in an object.
        html: whether texts are HTML.
        attachments: the files that come with a turn.
        speaker_name, at: the speaker's name; the time (without it, the usual keys).
        order: orders the turns: a number or a time in a turn's object; without it they are in order.
        left_out: conditions (`paths.holds`) under which a turn's object is no turn, with what such objects are called
            in the remark that counts them: `{"private": "internal notes"}`.
        system: the system text in a conversation.
        id: the id of a conversation; without it, the usual keys.
        group: where a record is a turn (or several) of a conversation: the path of the conversation's id in a record.
        messages: whether the keys are those of single messages, which make up a list by themselves.
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
    content: str | Callable[[Mapping[str, Any]], str] = "content"
    exchange: Sequence[tuple[str, str]] = ()
    parse: Callable[[Mapping[str, Any]], Sequence[ParsedTurn]] | None = None
    html: bool = False
    attachments: str | None = None
    speaker_name: str | None = None
    at: str | None = None
    order: str | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    system: str | None = None
    id: str | None = None
    group: str | None = None
    messages: bool = False
    labels: Sequence[Label] = ()
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

    def has_keys(self, value: Any) -> bool:
        """Return whether a JSON value has the keys of a record."""
        return isinstance(value, dict) and all(has_key(value, key) for key in self.keys) and self.test(value)

    def is_message_list(self, value: Any) -> bool:
        """Return whether a JSON value is a list of messages."""
        return isinstance(value, list) and any(map(self.has_keys, value[:20]))

    def read_record(self, record: Any) -> list[ParsedConversation]:
        """Return the conversations in a record.

        Raises:
            UnreadableError: it has no conversations.
        """
        bodies = values_at(record, self.conversations)
        if not bodies:
            raise UnreadableError("the record has no conversations")
        return [self.read_conversation(body, values_at(body, self.turns)) for body in bodies]

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
        if isinstance(body, dict):
            self._add_context(parsed, body)
        if counts:
            parsed.remarks.append(_left_out_remark(counts))
        return parsed

    def read_records(self, records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
        """Yield the conversations of which each record is a part."""
        counts: Counter[str] = Counter()
        groups = TurnGroups(self.order)
        for position, record in records:
            group_id = as_word(value_at(record, self.group or ""))
            if not group_id:
                report(position, f"a message without a {self.group!r}")
                continue
            for item in values_at(record, self.turns):
                for turn in self.parse_turns(item, counts):
                    groups.add(clean_text(group_id), position, turn, as_word(value_at(item, self.order or "")))
        if counts:
            report(None, _left_out_remark(counts), kept=True)
        yield from groups.records()

    def parse_turns(self, item: Any, counts: Counter[str]) -> list[ParsedTurn]:
        """Return the turns in an object; what is left out is counted by what it is called."""
        if not isinstance(item, dict):
            counts[_UNREADABLE] += 1
            return []
        if (
            reason := next((name for condition, name in self.left_out.items() if holds(item, condition)), None)
        ) is not None:
            counts[reason] += 1
            return []
        parsed = self.parse(item) if self.parse is not None else self._turns(item)
        turns = [turn for turn in parsed if turn.content.strip()]
        if not turns:
            counts[_EMPTY] += 1
        return turns

    def _turns(self, item: Mapping[str, Any]) -> list[ParsedTurn]:
        at, at_key = self._time(item)
        is_conversation = not (self.turns or self.group)  # then these are the conversation's own metadata
        metadata = {} if is_conversation else extra_metadata(item, {*self._turn_keys(), at_key})
        if self.exchange:
            texts = [(speaker, self._text(values_at(item, path))) for speaker, path in self.exchange]
        else:
            texts = [(self._speaker(item), self._content(item))]
        texts = [(speaker, text) for speaker, text in texts if text.strip()]
        name = value_at(item, self.speaker_name) if self.speaker_name else None
        name = clean_text(name) if isinstance(name, str) else None
        turns = [ParsedTurn(speaker, text, name, at, dict(metadata)) for speaker, text in texts]
        if turns and (ratings := self._ratings(item)):
            turns[-1].metadata["ratings"] = ratings
        return turns

    def _turn_keys(self) -> set[str]:
        """Return the keys of a turn's object that are no metadata."""
        contents = [path for _, path in self.exchange] if self.exchange else [self.content]
        names = [path for path in (self.role, self.speaker_name) if isinstance(path, str)]
        return {*first_keys(*(path for path in contents if isinstance(path, str))), *plain_keys(*names), *self.unused}

    def _speaker(self, item: Mapping[str, Any]) -> str:
        word = as_word(value_at(item, self.role)) if isinstance(self.role, str) else self.role(item)
        return self.roles.get(word, word)

    def _content(self, item: Mapping[str, Any]) -> str:
        text = self._text(values_at(item, self.content)) if isinstance(self.content, str) else self.content(item)
        files = values_at(item, self.attachments) if self.attachments else []
        return "\n".join(filter(None, [text, *map(attachment_placeholder, files)]))

    def _text(self, values: Sequence[Any]) -> str:
        texts = [content_or_placeholder(value) for value in values]
        return "\n".join(filter(None, map(html_to_text, texts) if self.html else texts))

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
