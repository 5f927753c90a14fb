"""WebGPT's comparisons: two answers to a question, each with its quotations and its score."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convexplain.connectors.logs.engine.described_answers import Answer, DescribedAnswers
from convexplain.connectors.logs.engine.parse_results import ParsedConversation

_BETTER = "better_answer"


def read_record(record: Mapping[str, Any]) -> list[ParsedConversation]:
    """Return both conversations; where their scores differ they are a pair.

    Raises:
        UnreadableError: the record has no answer.
    """
    scores = [record.get("score_0"), record.get("score_1")]
    first, second = (score if isinstance(score, int | float) else 0 for score in scores)
    return _DESCRIBED.read_record({**record, _BETTER: None if first == second else int(second > first)})


def _answer(number: int) -> Answer:
    about = {"score": f"score_{number}", "quotes": f"quotes_{number}.extract"}
    return Answer(f"answer_{number}", f"-{number}", about=about, preferred=(f"{_BETTER}={number}",))


_DESCRIBED = DescribedAnswers(
    "webgpt",
    "WebGPT's comparisons: two answers to a question with their scores; a pair.",
    '{"question": {"id": "q1", "full_text": "Hi"}, "answer_0": "Hello", "score_0": 0.5, "answer_1": "What?", '
    '"score_1": -0.5}',
    keys=("question", "answer_0", "answer_1", "score_0"),
    prompt=("question.full_text|question",),
    answers=(_answer(0), _answer(1)),
    unused=(_BETTER, "tokens_0", "tokens_1"),
)
WEB_GPT = replace(_DESCRIBED.log_format(), read_record=read_record)
