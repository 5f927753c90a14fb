"""Planted pairs from other people's conversations: their replies are the good ones, and bad ones are made of them.

A fact of the reply is changed against the context, a reply of another conversation or the last reply takes its place,
or a hand-written one that is evasive, rude or thin and of about the same length.
"""

import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from planting import Origin, PlantedPair
from sets import MaximSet

from convexplain import Conversation, Turn
from convexplain.judges.reference.parts import Kind
from convexplain.judges.reference.planting import PlantedTurn

Chances = Mapping[Kind, float]
"""For each kind of bad reply from hand-written parts the chance that a good reply is given one."""

_IN_DIALOGUES: Chances = {"evasive": 0.3, "rude": 0.3, "thin": 0.15}
_IN_ANSWERS: Chances = {"evasive": 0.5, "rude": 0.4, "thin": 0.2}
_OFF_TOPIC, _REPEAT = 0.5, 0.35  # chances in task dialogues
_LONGEST_ANSWER, _ANSWERS = 110, 420  # words; number of answers

_MONTHS = ["January", "February", "March", "April", "May", "June"]
_MONTHS += ["July", "August", "September", "October", "November", "December"]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}(?: [A-Z][a-z]+)*")


@dataclass(frozen=True, slots=True)
class TaskDialogue:
    """A dialogue of a user with a booking assistant.

    Attributes:
        conversation: the dialogue.
        service: what it is about at first, for instance restaurants.
    """

    conversation: Conversation
    service: str

    @property
    def replies(self) -> list[str]:
        """Return the assistant's turns."""
        return [turn.content for turn in self.conversation.turns if turn.role == "assistant"]


def read_dialogues(path: Path) -> list[TaskDialogue]:
    """Return the task dialogues of a file."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    dialogues = []
    for row in rows:
        turns = tuple(Turn(turn["role"], turn["content"]) for turn in row["turns"])
        dialogues.append(TaskDialogue(Conversation(row["id"], turns, row["source"]), row["services"][0]))
    return dialogues


def dialogue_pairs(
    dialogues: Sequence[TaskDialogue], bank: Mapping[Kind, Sequence[str]], rng: random.Random
) -> list[PlantedPair]:
    """Return pairs of which the good replies are those of task dialogues."""
    texts = (turn.content for dialogue in dialogues for turn in dialogue.conversation.turns)
    names = sorted({match[0] for text in texts for match in _names(text)})
    replies = [(dialogue.service, reply) for dialogue in dialogues for reply in dialogue.replies]
    pairs: list[PlantedPair] = []
    for dialogue in dialogues:
        strange = [reply for service, reply in replies if service != dialogue.service]
        for i, turn in enumerate(dialogue.conversation.turns):
            if turn.role != "assistant" or i == 0 or len(turn.content.split()) < 4:
                continue
            good = dialogue.conversation.until(i)
            bad_texts = [*_corruptions(good, names, strange, rng), *bank_texts(turn.content, bank, _IN_DIALOGUES, rng)]
            pairs += [plant_reply(good, kind, text, "dialogues") for kind, text in bad_texts]
    return pairs


def _corruptions(
    good: Conversation, names: Sequence[str], strange: Sequence[str], rng: random.Random
) -> Iterator[tuple[Kind, str]]:
    reply, context = good.turns[-1].content, good.turns[:-1]
    if changed := change_fact(reply, " ".join(turn.content for turn in context), names, rng):
        yield "wrong", changed
    if rng.random() < _OFF_TOPIC and (alike := [text for text in strange if alike_in_length(reply, text)]):
        yield "off_topic", rng.choice(alike)
    before = [turn.content for turn in context if turn.role == "assistant"]
    if before and rng.random() < _REPEAT:
        yield "repeat", before[-1]


def good_answers(sets: Iterable[MaximSet], rng: random.Random) -> list[Conversation]:
    """Return conversations whose last turn people preferred to others and nothing to it, a text once."""
    pairs = [pair for maxim_set in sets for pair in maxim_set.labels.source.pairs]
    rejected = {pair.rejected for pair in pairs}
    answers = {pair.chosen.turns[-1].content: pair.chosen for pair in pairs if pair.chosen not in rejected}
    short = [answer for text, answer in answers.items() if len(text.split()) <= _LONGEST_ANSWER]
    rng.shuffle(short)
    return short[:_ANSWERS]


def answer_pairs(
    answers: Sequence[Conversation], bank: Mapping[Kind, Sequence[str]], rng: random.Random
) -> list[PlantedPair]:
    """Return pairs of which the good replies are answers of assistants."""
    pairs: list[PlantedPair] = []
    for good in answers:
        reply = good.turns[-1].content
        strange = [answer.turns[-1].content for answer in answers if answer.turns[0] != good.turns[0]]
        if alike := [text for text in strange if alike_in_length(reply, text, 0.3)]:
            pairs.append(plant_reply(good, "off_topic", rng.choice(alike), "answers"))
        bad_texts = bank_texts(reply, bank, _IN_ANSWERS, rng)
        pairs += [plant_reply(good, kind, text, "answers") for kind, text in bad_texts]
    return pairs


def bank_texts(
    reply: str, bank: Mapping[Kind, Sequence[str]], chances: Chances, rng: random.Random
) -> Iterator[tuple[Kind, str]]:
    """Yield hand-written bad texts as long as a reply; none with digits, which would be of another conversation."""
    for kind, chance in chances.items():
        if rng.random() >= chance:
            continue
        alike = [text for text in bank.get(kind, ()) if alike_in_length(reply, text, 0.3) and not _NUMBER.search(text)]
        if alike:
            yield kind, rng.choice(alike)


def alike_in_length(reply: str, text: str, tolerance: float = 0.25) -> bool:
    """Return whether a text has about as many words as a reply: within two words, or a share of the reply's."""
    words = len(reply.split())
    return abs(len(text.split()) - words) <= max(2, tolerance * words)


def plant_reply(good: Conversation, kind: Kind, text: str, origin: Origin) -> PlantedPair:
    """Return the pair of a conversation's last turn with a bad text in its place."""
    last = len(good.turns) - 1
    bad = Conversation(good.id, (*good.turns[:-1], Turn("assistant", text)), good.source, good.metadata)
    return PlantedPair(
        PlantedTurn(good, last, good.id, origin, "good", "plain"),
        PlantedTurn(bad, last, good.id, origin, kind),
        origin,
    )


def change_fact(reply: str, context: str, names: Sequence[str], rng: random.Random) -> str | None:
    """Return a reply in which a number, day, month or name of the context is another; None where it shares none."""
    changes: list[tuple[tuple[int, int], str]] = []
    for match in _NUMBER.finditer(reply):
        if match[0] in context and (number := _changed_number(match[0], rng)) not in context:
            changes.append((match.span(), number))
    for words in (_MONTHS, _WEEKDAYS):
        choices = [word for word in words if word not in context]
        for match in re.finditer(rf"\b(?:{'|'.join(words)})\b", reply):
            if match[0] in context and choices:
                changes.append((match.span(), rng.choice(choices)))
    for match in _names(reply):
        if match[0] in context and names and (name := rng.choice(names)) not in context:
            changes.append((match.span(), name))
    if not changes:
        return None
    (start, end), text = rng.choice(changes)
    return reply[:start] + text + reply[end:]


def _names(text: str) -> list[re.Match[str]]:
    return [match for match in _NAME.finditer(text) if not {*match[0].split()} & {*_MONTHS, *_WEEKDAYS}]


def _changed_number(number: str, rng: random.Random) -> str:
    """Return a number of the same form with one digit changed."""
    position = rng.choice([i for i, sign in enumerate(number) if sign.isdigit()])
    digit = str((int(number[position]) + rng.randint(1, 8)) % 10)
    if position == 0 and digit == "0":
        digit = "1" if number[0] != "1" else "2"
    return number[:position] + digit + number[position + 1 :]
