"""Rubrics as evaluators: plain functions for LangSmith, openevals and similar tools, and a RunEvaluator."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from convexplain.connectors.message_objects import turns_in
from convexplain.errors import ConvexplainError, MissingExtraError
from convexplain.explain.wording import marked_reason
from convexplain.models.chat import Cache
from convexplain.types import Conversation, Judgement, Rubric, Turn
from convexplain.workspace import BackgroundJudge, JudgeLike, JudgeOptions, Trust

from .arguments import RubricArgument, load_rubrics

if TYPE_CHECKING:
    from langsmith.evaluation.evaluator import RunEvaluator

Evaluator = Callable[..., dict[str, Any]]
AsyncEvaluator = Callable[..., Awaitable[dict[str, Any]]]
F = TypeVar("F", bound=Callable[..., Any])


def evaluator(
    rubric: RubricArgument,
    judge: JudgeLike | BackgroundJudge | None = None,
    *,
    cache: Cache | None = None,
    **options: Unpack[JudgeOptions],
) -> Evaluator:
    """Return a function that judges the last answer of a conversation, or the conversation, on one rubric.

    It takes `inputs` and `outputs` by name, each a text, a list of messages, or a dictionary with `messages` or with
    one text; `outputs` may be the whole conversation. `reference_outputs` and all further arguments are ignored:
    rubrics judge without a reference.

    It returns `{key, score, comment, metadata}`: the rubric's id; the score in [0, 1], 1 = satisfied, None where there
    is none; the judge's reason where `reasons` asks for one, else its label, or why there is no score; and threshold,
    label, probabilities, model, the judged turn, and under `trust` how far the judge is to be trusted on the rubric.
    The function raises no error because of its arguments, and may be called from several threads. Its model stays open
    as long as it exists.

    Args:
        rubric: a rubric, the id of a shipped one, or the path of a YAML file.
        judge: None takes the default judge, as `convexplain analyze` does. The judge's text form or spec, a model of
            your own, prepared (it is not closed), a function or coroutine function from a prompt to the reply, or a
            `BackgroundJudge` that several evaluators share (it has a cache and options of its own).
        cache, options: as of `BackgroundJudge`.

    Raises:
        UsageError, RubricError: an argument is not valid.
    """
    loaded_rubric, background = _open(rubric, judge, cache, options)

    def evaluate(
        *, inputs: Any = None, outputs: Any = None, reference_outputs: Any = None, **ignored: Any
    ) -> dict[str, Any]:
        return background.submit(_evaluate(background, loaded_rubric, inputs, outputs)).result()

    return _finalize(evaluate, loaded_rubric, background, judge)


def aevaluator(
    rubric: RubricArgument,
    judge: JudgeLike | BackgroundJudge | None = None,
    *,
    cache: Cache | None = None,
    **options: Unpack[JudgeOptions],
) -> AsyncEvaluator:
    """Return the async form of the function that `evaluator` returns."""
    loaded_rubric, background = _open(rubric, judge, cache, options)

    async def evaluate(
        *, inputs: Any = None, outputs: Any = None, reference_outputs: Any = None, **ignored: Any
    ) -> dict[str, Any]:
        return await asyncio.wrap_future(background.submit(_evaluate(background, loaded_rubric, inputs, outputs)))

    return _finalize(evaluate, loaded_rubric, background, judge)


def run_evaluator(
    rubric: RubricArgument,
    judge: JudgeLike | BackgroundJudge | None = None,
    *,
    cache: Cache | None = None,
    **options: Unpack[JudgeOptions],
) -> "RunEvaluator":
    """Return the same evaluator as a LangSmith `RunEvaluator`: it judges the last answer of a run.

    Raises:
        MissingExtraError: langsmith, which comes with langchain, is not installed.
    """
    try:
        from langsmith.evaluation.evaluator import EvaluationResult, RunEvaluator
    except ImportError as error:
        raise MissingExtraError("An evaluator of LangSmith's runs", "langchain") from error

    function = evaluator(rubric, judge, cache=cache, **options)

    class RubricEvaluator(RunEvaluator):
        """An evaluator of the last answer of a run on one rubric."""

        @property
        def feedback_keys(self) -> list[str]:
            """Return the rubric's id."""
            return [function.__name__]

        def evaluate_run(self, run: Any, example: Any = None, evaluator_run_id: Any = None) -> EvaluationResult:
            """Judge a run; where there is no score, the comment says why."""
            return EvaluationResult(**function(inputs=run.inputs, outputs=run.outputs))

    return RubricEvaluator()


def _open(
    rubric: RubricArgument, judge: JudgeLike | BackgroundJudge | None, cache: Cache | None, options: JudgeOptions
) -> tuple[Rubric, BackgroundJudge]:
    rubrics = load_rubrics(rubric)
    if not isinstance(judge, BackgroundJudge):
        judge = BackgroundJudge(judge, rubrics, cache=cache, **options)
    return rubrics[0], judge


def _finalize(function: F, rubric: Rubric, background: BackgroundJudge, judge: object) -> F:
    """Return the function, named as its rubric; a judge that was opened for it is closed with it."""
    function.__name__ = rubric.id
    if background is not judge:
        weakref.finalize(function, background.close)
    return function


async def _evaluate(background: BackgroundJudge, rubric: Rubric, inputs: Any, outputs: Any) -> dict[str, Any]:
    conversation = _conversation(inputs, outputs)
    turn = _last_answer(conversation.turns)
    if turn is None:
        return _no_score(rubric, "there is no assistant turn to judge")
    try:
        judgement = await background.judge_turn(conversation, turn, rubric)
    except ConvexplainError as error:
        return _no_score(rubric, str(error))
    return _result(background.as_judged(rubric), judgement, background.trust(rubric))


def _conversation(inputs: Any, outputs: Any) -> Conversation:
    before, after = turns_in(inputs, "user"), turns_in(outputs, "assistant")
    is_complete = any(turn.role in ("user", "system") for turn in after)
    return Conversation("evaluated", after if is_complete else (*before, *after))


def _last_answer(turns: tuple[Turn, ...]) -> int | None:
    return next((i for i in reversed(range(len(turns))) if turns[i].role == "assistant"), None)


def _no_score(rubric: Rubric, reason: str) -> dict[str, Any]:
    return {"key": rubric.id, "score": None, "comment": reason, "metadata": {"threshold": rubric.threshold}}


def _result(rubric: Rubric, judgement: Judgement, trust: Trust) -> dict[str, Any]:
    metadata = {
        "threshold": rubric.threshold,
        "label": judgement.label,
        "probabilities": dict(judgement.evidence.probabilities),
        "evidence": judgement.evidence.kind,
        "turn": judgement.turn,
        "model": judgement.model,
        "prompt_sha": judgement.prompt_sha,
        "trust": trust.to_dict(),
    }
    comment = marked_reason(judgement.reason, judgement.evidence.reason_quotes) or judgement.label
    return {"key": rubric.id, "score": judgement.score, "comment": comment, "metadata": metadata}
