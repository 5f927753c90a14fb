"""Conversations in which one sentence of an earlier assistant turn makes the last turn good or bad.

    python benchmarks/planted.py

Three files hold them, written by hand and fixed before any judge or search saw them:

- `planted.json`: had that one sentence said something else, a judge who reads the whole conversation should score the
  last turn differently, although its wording stays (what `rescore` asks).
- `planted_recall.json`: had that one sentence said something else, the model would not give this answer (what
  `regenerate` asks): the user asks again for what was said there once, or the assistant laid a rule upon itself there.
- `planted_records.json`: as before, but each begins with a system turn that allows only what the conversation says. A
  model that follows it says that it does not know, where others make something up (which a weak judge does not mind).

A method that explains the score by earlier assistant turns should therefore name this sentence. *Chance* is how often a
method would that points at one of their words at random; the script prints it for each case.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convexplain import Conversation, Turn
from convexplain.text.segmentation import segment
from convexplain.types import Question, Unit

FOLDER = Path(__file__).resolve().parent
FILES: dict[str, Question] = {
    "planted": "rescore",
    "planted_recall": "regenerate",
    "planted_records": "regenerate",
}
"""Each file's name and the question that its cases are about."""


@dataclass(frozen=True, slots=True)
class Planted:
    """One case.

    Attributes:
        conversation: its last turn is the judged one.
        turn: index of the judged turn.
        rubric: id of the maxim that it is judged on.
        good: whether the judged turn satisfies the maxim.
        unit: the sentence of an earlier assistant turn that makes it so.
        why: what the sentence does, in one line.
    """

    conversation: Conversation
    turn: int
    rubric: str
    good: bool
    unit: Unit
    why: str


def planted(name: str) -> list[Planted]:
    """All cases of one of `FILES`, in the order of the file.

    Raises:
        ValueError: a planted sentence is not exactly one sentence unit of its turn.
    """
    file = FOLDER / f"{name}.json"
    return [_case(data, file) for data in json.loads(file.read_text(encoding="utf-8"))]


def chance(case: Planted) -> float:
    """Share of the planted sentence's words among those of all assistant turns before the judged one, in (0, 1)."""
    turns = case.conversation.turns
    earlier = [turn.content for turn in turns[: case.turn] if turn.role == "assistant"]
    words = sum(len(content.split()) for content in earlier)
    return len(case.unit.of(turns[case.unit.turn].content).split()) / words


def _case(data: dict[str, Any], file: Path) -> Planted:
    turns = tuple(Turn(**turn) for turn in data["turns"])
    at, sentence = data["planted"]["turn"], data["planted"]["sentence"]
    content = turns[at].content
    units = [unit for unit in segment(content, "sentence", at) if unit.of(content).strip() == sentence]
    if len(units) != 1:
        raise ValueError(f"case {data['id']!r}: {len(units)} sentences of turn {at} are {sentence!r}; it must be one")
    conversation = Conversation(data["id"], turns, file.name)
    return Planted(conversation, len(turns) - 1, data["rubric"], data["good"], units[0], data["why"])


def main() -> None:
    for name in FILES:
        cases = planted(name)
        print(f"{name:14} {'rubric':16} {'turns':>5} {'good':>5} {'planted in':>10} {'chance':>7}")
        for case in cases:
            talk, good = case.conversation, "yes" if case.good else "no"
            row = f"{talk.id:14} {case.rubric:16} {len(talk.turns):5} {good:>5} {case.unit.turn:10}"
            print(f"{row} {chance(case):7.2f}")
        print(f"{len(cases)} cases, mean chance {sum(map(chance, cases)) / len(cases):.3f}")


if __name__ == "__main__":
    main()
