"""MT-bench: questions, models' answers to them, and pairs of answers that people compared; MT-Bench-101."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.drafts import Draft, Entry, Report, Said
from convexplain.connectors.logs.engine.picking import add, content_of, dicts, text, word
from convexplain.connectors.logs.engine.values import extras

from . import messages

_SIDES = ("a", "b")


def is_mt_bench(value: Any) -> bool:
    """Whether a JSON value is a question, or an answer."""
    return isinstance(value, dict) and "question_id" in value and (_is_question(value) or bool(_choices(value)))


def joined(records: Sequence[tuple[int, Any]], report: Report) -> Iterator[Entry]:
    """Each answer with its question, where the file holds both; what stands by itself comes by itself, and is told."""
    questions = {word(value, "question_id"): (at, value) for at, value in records if not _choices(value)}
    answers = [(at, value) for at, value in records if _choices(value)]
    number = lonely = 0
    for position, answer in answers:
        own = word(answer, "question_id")
        _, question = questions.get(own, (0, {}))
        lonely += not question
        for choice in _choices(answer):
            number += 1
            names = [own, word(answer, "model_id", "model")]
            if len(_choices(answer)) > 1:
                names.append(word(choice, "index") or str(number))
            yield Entry(position, number, "-".join(filter(None, names)) or None, [_draft(question, answer, choice)])
    if lonely:
        reason = f"{lonely} answers come without their questions; put the questions into the same file to have both"
        report(None, reason, kept=True)
    answered = {word(value, "question_id") for _, value in answers}
    for own, (position, question) in questions.items():
        if own not in answered:
            number += 1
            yield Entry(position, number, own or None, [_draft(question, {}, {})])


def is_arena(value: Any) -> bool:
    """Whether a JSON value holds two conversations that were compared."""
    return isinstance(value, dict) and all(_is_talk(value.get(f"conversation_{side}")) for side in _SIDES)


def arena_drafts(record: Mapping[str, Any]) -> list[Draft]:
    """The two conversations; where one was preferred they are a pair.

    A verdict on the first turn (`turn` is 1) is one on the first answer: what was said later is left out, and told.

    Raises:
        UnreadableError: a message with text does not say who speaks.
    """
    winner = record.get("winner")
    names = {"model_a": "a", "model_b": "b", "a": "a", "b": "b"}
    better = names.get(winner.strip().lower()) if isinstance(winner, str) else None
    found = []
    for side in _SIDES:
        draft = messages.drafts(record[f"conversation_{side}"])[0]
        used = {*(f"{name}_{other}" for name in ("conversation", "model") for other in _SIDES)}
        draft.metadata = {**extras(record, used), **draft.metadata}
        if model := word(record, f"model_{side}"):
            draft.metadata["model"] = model
        draft.suffix, draft.preferred = f"-{side}", None if better is None else better == side
        if record.get("turn") == 1:
            _cut(draft)
        found.append(draft)
    return found


def is_mt_bench_101(value: Any) -> bool:
    """Whether a JSON value is a dialogue of MT-Bench-101: pairs of what the user and the bot say."""
    history = value.get("history") if isinstance(value, dict) else None
    return isinstance(history, list) and any(pair.keys() >= {"user", "bot"} for pair in dicts(history))


def mt_bench_101_drafts(record: Mapping[str, Any]) -> list[Draft]:
    """The dialogue in a record."""
    draft = Draft([], extras(record, {"history"}))
    for number, pair in enumerate(record["history"], 1):
        if not isinstance(pair, dict):
            draft.remarks.append(f"exchange {number} is missing")
            continue
        for key, speaker in (("user", "user"), ("bot", "assistant")):
            if key in pair:
                add(draft, Said(speaker, content_of(pair[key])))
    return [draft]


def _is_question(value: Mapping[str, Any]) -> bool:
    turns = value.get("turns")
    return isinstance(turns, list) and any(isinstance(turn, str) or text(turn, "content") for turn in turns)


def _choices(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [choice for choice in dicts(value.get("choices")) if isinstance(choice.get("turns"), list)]


def _is_talk(value: Any) -> bool:
    return isinstance(value, list) and any(map(messages.is_turn, value))


def _draft(question: Mapping[str, Any], answer: Mapping[str, Any], choice: Mapping[str, Any]) -> Draft:
    about = extras(question, {"turns"}) | extras(answer, {"choices"})
    draft = Draft([], about)
    sides = [(_turns(question), "user"), (_turns(choice), "assistant")]
    for place in range(max(len(turns) for turns, _ in sides)):
        for turns, speaker in sides:
            if place < len(turns):
                add(draft, Said(speaker, content_of(turns[place])))
    asked, answered = (len(turns) for turns, _ in sides)
    if asked and answered and asked != answered:
        draft.remarks.append(f"there are {asked} questions and {answered} answers")
    return draft


def _turns(value: Mapping[str, Any]) -> list[Any]:
    turns = value.get("turns")
    return turns if isinstance(turns, list) else []


def _cut(draft: Draft) -> None:
    """Leaves the first answer and what stands before it."""
    ends = [place for place, said in enumerate(draft.said, 1) if said.speaker == "assistant"]
    if ends and ends[0] < len(draft.said):
        draft.remarks.append(
            f"the verdict is on the first answer; {len(draft.said) - ends[0]} later turns are left out"
        )
        del draft.said[ends[0] :]
