"""MT-bench: questions, and models' answers to them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import content_or_placeholder, first_text, identifier, objects
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata
from convexplain.connectors.logs.engine.parse_results import (
    ParsedConversation,
    ParsedRecord,
    ParsedTurn,
    ProblemReporter,
)


def is_mt_bench(value: Any) -> bool:
    """Return whether a JSON value is a question, or an answer."""
    return isinstance(value, dict) and "question_id" in value and (_is_question(value) or bool(_choices(value)))


def read_records(records: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
    """Yield each answer with its question, where the file holds both; one without the other comes alone."""
    questions = {identifier(value, "question_id"): (at, value) for at, value in records if not _choices(value)}
    answers = [(at, value) for at, value in records if _choices(value)]
    number = lonely = 0
    for position, answer in answers:
        question_id = identifier(answer, "question_id")
        _, question = questions.get(question_id, (0, {}))
        lonely += not question
        for choice in _choices(answer):
            number += 1
            names = [question_id, identifier(answer, "model_id", "model")]
            if len(_choices(answer)) > 1:
                names.append(identifier(choice, "index") or str(number))
            yield ParsedRecord(
                position, number, "-".join(filter(None, names)) or None, [_parse_conversation(question, answer, choice)]
            )
    if lonely:
        reason = f"{lonely} answers come without their questions; put the questions into the same file to have both"
        report(None, reason, kept=True)
    answered = {identifier(value, "question_id") for _, value in answers}
    for question_id, (position, question) in questions.items():
        if question_id not in answered:
            number += 1
            yield ParsedRecord(position, number, question_id or None, [_parse_conversation(question, {}, {})])


def _is_question(value: Mapping[str, Any]) -> bool:
    turns = value.get("turns")
    return isinstance(turns, list) and any(isinstance(turn, str) or first_text(turn, "content") for turn in turns)


def _choices(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [choice for choice in objects(value.get("choices")) if isinstance(choice.get("turns"), list)]


def _parse_conversation(
    question: Mapping[str, Any], answer: Mapping[str, Any], choice: Mapping[str, Any]
) -> ParsedConversation:
    about = extra_metadata(question, {"turns"}) | extra_metadata(answer, {"choices"})
    conversation = ParsedConversation([], about)
    sides = [(_turns(question), "user"), (_turns(choice), "assistant")]
    for place in range(max(len(turns) for turns, _ in sides)):
        for turns, speaker in sides:
            if place < len(turns):
                conversation.turns.append(ParsedTurn(speaker, content_or_placeholder(turns[place])))
    question_count, answer_count = (len(turns) for turns, _ in sides)
    if question_count and answer_count and question_count != answer_count:
        conversation.remarks.append(f"there are {question_count} questions and {answer_count} answers")
    return conversation


def _turns(value: Mapping[str, Any]) -> list[Any]:
    turns = value.get("turns")
    return turns if isinstance(turns, list) else []


MT_BENCH = LogFormat(
    "mt-bench",
    "MT-bench questions and models' answers; those in one file are put together.",
    '{"question_id": 1, "category": "writing", "turns": ["Hi"]}\n'
    '{"question_id": 1, "model_id": "m", "choices": [{"index": 0, "turns": ["Hello"]}]}',
    is_mt_bench,
    read_records=read_records,
)
