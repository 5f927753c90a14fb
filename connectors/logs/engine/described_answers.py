"""Formats of data sets that are described by paths: each record is a prompt with one answer, or with several.

A description names the paths of the prompt and of its answers, what people said of the answers (labels), and which of
two is preferred. Each answer makes a conversation with its prompt. Paths are those of `paths`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import message_lists
from .described import LabelField
from .fields import content_or_placeholder, rating
from .log_format import LogFormat
from .metadata import extra_metadata, record_id
from .parse_results import ParsedConversation, ParsedTurn, UnreadableError
from .paths import as_word, first_keys, has_key, holds, value_at, values_at
from .roles import role_of

_MARK = re.compile(r"\n*<extra_id_[01]>(System|User|Assistant)\n")
"""Where a turn begins in the prompts of NVIDIA's sets."""
_TRANSCRIPT = re.compile(r"(?:^|\n\n)(Human|Assistant):")
"""The same in transcripts in Anthropic's form."""


def scale(least: int, most: int) -> dict[str, float]:
    """Return the score of each whole number on a scale, as logs and tables write it; the highest number is good."""
    numbers = range(least, most + 1)
    return {word: (number - least) / (most - least) for number in numbers for word in (str(number), f"{number}.0")}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or a list of answers.

    Attributes:
        path: the text, or the messages, in the record, or in an object at `objects`.
        suffix: the end of the conversation's id; with several answers, their numbers follow.
        objects: the objects that hold an answer each; "" where the record does.
        labels: labels of the answer, in the object.
        about: further paths in the object, by the name that the conversation's metadata gives them.
        preferred: whether the answer is the preferred one of two; or conditions (`paths.holds`) of the record, or of
            the object at `objects`, under any of which it is, and others are not.
        rater: who labelled it, where it was no person.
    """

    path: str
    suffix: str = ""
    objects: str = ""
    labels: Sequence[LabelField] = ()
    about: Mapping[str, str] = field(default_factory=dict)
    preferred: bool | Sequence[str] = ()
    rater: str | None = None


@dataclass(frozen=True, slots=True)
class DescribedAnswers:
    """A format of prompts with answers.

    Attributes:
        name, description, example, precedence: as of `LogFormat`.
        keys: a record has all of these paths (`paths.has_key`).
        prompt: the prompt: texts that are put together, with a blank line between; or messages, or texts of a user and
            the assistant in turns.
        answers: the answers.
        test: a last test of a record, on keys only.
        history: earlier exchanges, a list of pairs of texts.
        system: a system text.
        unused: further keys of a record that are no metadata.
    """

    name: str
    description: str
    example: str
    keys: Sequence[str]
    prompt: Sequence[str]
    answers: Sequence[Answer]
    test: Callable[[Mapping[str, Any]], bool] = lambda _: True
    history: str | None = None
    system: str | None = None
    unused: Sequence[str] = ()
    precedence: int = 0

    def log_format(self) -> LogFormat:
        """Return the format of this description."""
        return LogFormat(
            self.name, self.description, self.example, self.has_keys, self.read_record, precedence=self.precedence
        )

    def has_keys(self, value: Any) -> bool:
        """Return whether a JSON value has the keys of a record."""
        return isinstance(value, dict) and all(has_key(value, key) for key in self.keys) and self.test(value)

    def read_record(self, record: Mapping[str, Any]) -> list[ParsedConversation]:
        """Return a conversation for each answer, the preferred one first.

        Raises:
            UnreadableError: the record has no answer.
        """
        conversations = [conversation for answer in self.answers for conversation in self._answered(record, answer)]
        if not conversations:
            raise UnreadableError("the record has no answer")
        if len(conversations) == 1:
            conversations[0].suffix = conversations[0].suffix if conversations[0].preferred is not None else ""
        _keep_one_pair(conversations)
        return sorted(conversations, key=lambda conversation: not conversation.preferred)

    def _answered(self, record: Mapping[str, Any], answer: Answer) -> Iterator[ParsedConversation]:
        pieces = [(body, text) for body in values_at(record, answer.objects) for text in _answers_in(body, answer.path)]
        for number, (body, text) in enumerate(pieces, 1):
            turns = joined_turns(self._prompt(record), spoken_turns(text, "assistant"))
            suffix = f"{answer.suffix}-{number}" if len(pieces) > 1 else answer.suffix
            conversation = ParsedConversation(turns, self._metadata(record, body, answer), suffix=suffix)
            conversation.preferred = self._preference(record, body, answer)
            message_lists.add_system(conversation)
            if turns and (ratings := _ratings(body, answer)):
                conversation.turns[-1].metadata["ratings"] = ratings
            yield conversation

    def _prompt(self, record: Mapping[str, Any]) -> list[ParsedTurn]:
        turns: list[ParsedTurn] = []
        system = value_at(record, self.system) if self.system else None
        if isinstance(system, str):
            turns.append(ParsedTurn("system", system))
        for pair in values_at(record, f"{self.history}[*]") if self.history else ():
            turns += spoken_turns(pair, "user")
        values = [value for path in self.prompt if (value := value_at(record, path)) not in (None, [], "")]
        if values and not all(isinstance(value, str) for value in values):
            return turns + [turn for value in values for turn in spoken_turns(value, "user")]
        return turns + (spoken_turns("\n\n".join(values), "user") if values else [])

    def _metadata(self, record: Mapping[str, Any], body: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        paths = [answer.objects or answer.path for answer in self.answers]
        paths += [path for answer in self.answers if not answer.objects for path in answer.about.values()]
        used = first_keys(*self.prompt, *paths, self.history or "", self.system or "") | {*self.unused}
        metadata = extra_metadata(record, {*used, record_id(record)[1]})
        if answer.objects and isinstance(body, dict):
            metadata |= extra_metadata(body, first_keys(answer.path))
        about = {name: value_at(body, path) for name, path in answer.about.items()}
        return metadata | {name: value for name, value in extra_metadata(about, ()).items() if value not in ([], {})}

    def _preference(self, record: Mapping[str, Any], body: Any, answer: Answer) -> bool | None:
        if isinstance(answer.preferred, bool):
            return answer.preferred
        if answer.objects:
            return any(holds(body, case) for case in answer.preferred) if answer.preferred else None
        better = [
            choice
            for choice in self.answers
            if not isinstance(choice.preferred, bool) and any(holds(record, case) for case in choice.preferred)
        ]
        return better[0] is answer if len(better) == 1 else None


def joined_turns(prompt: list[ParsedTurn], answer: list[ParsedTurn]) -> list[ParsedTurn]:
    """Return the turns of a prompt and its answer, which may be the whole conversation already."""
    first = next((turn for turn in prompt if role_of(turn.speaker) != "system"), None)
    begins = next((turn for turn in answer if role_of(turn.speaker) != "system"), None)
    if first is None or begins is None or len(answer) == 1 or first.content != begins.content:
        return prompt + answer
    return answer if answer[0] is not begins else [*prompt[: prompt.index(first)], *answer]


def _answers_in(body: Any, path: str) -> list[Any]:
    """Return the answers at a path: several where it holds a list of texts."""
    values = [value for value in values_at(body, path) if isinstance(value, str | list | dict)]
    return [text for value in values for text in (value if _is_texts(value) else [value])]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def spoken_turns(value: Any, speaker: str) -> list[ParsedTurn]:
    """Return the turns in a text, in a message or a list of them, or in a list of texts of two speakers in turns."""
    if isinstance(value, str):
        return _marked_turns(value, speaker)
    if message_lists.is_turn(value):
        value = [value]
    if isinstance(value, list) and any(map(message_lists.is_turn, value)):
        return message_lists.parse_conversation(value)[0].turns
    if _is_texts(value):
        speakers = ("user", "assistant") if speaker == "user" else ("assistant", "user")
        return [ParsedTurn(speakers[place % 2], text) for place, text in enumerate(value)]
    return [ParsedTurn(speaker, content_or_placeholder(value))]


def _marked_turns(text: str, speaker: str) -> list[ParsedTurn]:
    """Return the turns in a text: several where marks in it say who speaks."""
    if "<extra_id_" in text:
        mark = _MARK
    elif text.lstrip().startswith("Human:"):
        text, mark = text.lstrip(), _TRANSCRIPT
    else:
        return [ParsedTurn(speaker, text)]
    first, *pieces = mark.split(text)
    turns = [ParsedTurn(speaker, first)] if first.strip() else []
    return turns + [
        ParsedTurn(word.lower(), piece.removeprefix(" "))
        for word, piece in zip(pieces[::2], pieces[1::2], strict=True)
        if piece.strip()
    ]


def _ratings(body: Any, answer: Answer) -> list[dict[str, Any]]:
    """Return the labels of an answer; those in a list are of several people."""
    ratings = []
    for label in answer.labels:
        value = value_at(body, label.path)
        words = [as_word(word) for word in (value if isinstance(value, list) else [value])]
        for number, word in enumerate(words, 1):
            if word in label.scores:
                rater = str(number) if isinstance(value, list) else answer.rater
                ratings.append(rating(label.name, label.scores[word], word, label.rubric, rater))
    return ratings


def _keep_one_pair(conversations: Sequence[ParsedConversation]) -> None:
    """Let the first preferred answer and the first other one be the pair, where there are more of them."""
    sides: dict[bool, ParsedConversation] = {}
    for conversation in conversations:
        if conversation.preferred is not None and conversation.preferred in sides:
            conversation.metadata["preferred_answer"] = conversation.preferred
            conversation.preferred = None
        elif conversation.preferred is not None:
            sides[conversation.preferred] = conversation
    if len(sides) == 1:
        (preferred, conversation), *_ = sides.items()
        conversation.remarks.append(f"the pair has no {'other' if preferred else 'preferred'} answer")
