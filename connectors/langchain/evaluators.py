"""Rubrics as evaluators: plain functions for LangSmith, openevals and whatever else takes such, and a RunEvaluator."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from convexplain.errors import ConvexplainError, MissingExtraError
from convexplain.models.chat import Cache, ChatModel
from convexplain.types import Conversation, Judgement, Rubric, Turn
from convexplain.workspace.background import BackgroundJudge

from .asked import OneRubric, loaded
from .collecting import turns_in

if TYPE_CHECKING:
    from langsmith.evaluation.evaluator import RunEvaluator

Evaluator = Callable[..., dict[str, Any]]
AsyncEvaluator = Callable[..., Awaitable[dict[str, Any]]]
F = TypeVar("F", bound=Callable[..., Any])


def evaluator(
    rubric: OneRubric,
    judge: str | ChatModel | BackgroundJudge = "embedded",
    *,
    samples: int | None = None,
    explain: bool = False,
    cache: Cache | None = None,
) -> Evaluator:
    """A function that judges the last answer of a conversation on one rubric.

    It takes `inputs` and `outputs` by name, each a text, a list of messages, or a dictionary with `messages` or with
    one text; `outputs` may be the whole conversation. `reference_outputs` and whatever else is given is not looked at:
    rubrics judge without a reference.

    It returns `{key, score, comment, metadata}`: the rubric's id; the score in [0, 1], 1 = satisfied, None where there
    is none; the judge's reason where `explain` asks for one, else its label, or why there is no score; and threshold,
    label, probabilities, model and the judged turn. It raises nothing because of what it is given, and may be called
    from several threads. Its model is kept for as long as the function is.

    Args:
        rubric: a rubric, the id of a shipped one, or the path of a YAML file.
        judge: what `--judge` takes on the command line, a model of your own, prepared (it is not closed), or a
            `BackgroundJudge` that several evaluators share (then what follows is its own).
        samples: average that many sampled replies; None reads label probabilities where the model gives them.
        explain: ask for a reason in words (one more call a judgement).
        cache: where replies are kept, e.g. a `RunStore`.

    Raises:
        UsageError, RubricError: an argument cannot be meant.
    """
    one, background = _opened(rubric, judge, samples, explain, cache)

    def evaluate(
        *, inputs: Any = None, outputs: Any = None, reference_outputs: Any = None, **told: Any
    ) -> dict[str, Any]:
        return background.submit(_evaluated(background, one, inputs, outputs)).result()

    return _finalized(evaluate, one, background, judge)


def aevaluator(
    rubric: OneRubric,
    judge: str | ChatModel | BackgroundJudge = "embedded",
    *,
    samples: int | None = None,
    explain: bool = False,
    cache: Cache | None = None,
) -> AsyncEvaluator:
    """As `evaluator`; the function that it gives is async."""
    one, background = _opened(rubric, judge, samples, explain, cache)

    async def evaluate(
        *, inputs: Any = None, outputs: Any = None, reference_outputs: Any = None, **told: Any
    ) -> dict[str, Any]:
        return await asyncio.wrap_future(background.submit(_evaluated(background, one, inputs, outputs)))

    return _finalized(evaluate, one, background, judge)


def run_evaluator(
    rubric: OneRubric,
    judge: str | ChatModel | BackgroundJudge = "embedded",
    *,
    samples: int | None = None,
    explain: bool = False,
    cache: Cache | None = None,
) -> "RunEvaluator":
    """As `evaluator`, for what wants a LangSmith `RunEvaluator`: it judges the last answer of a run.

    Raises:
        MissingExtraError: langsmith, which comes with langchain, is not installed.
    """
    try:
        from langsmith.evaluation.evaluator import EvaluationResult, RunEvaluator
    except ImportError as error:
        raise MissingExtraError("An evaluator of LangSmith's runs", "langchain") from error

    function = evaluator(rubric, judge, samples=samples, explain=explain, cache=cache)

    class RubricEvaluator(RunEvaluator):
        """Judges the last answer of a run on one rubric."""

        @property
        def feedback_keys(self) -> list[str]:
            """The rubric's id."""
            return [function.__name__]

        def evaluate_run(self, run: Any, example: Any = None, evaluator_run_id: Any = None) -> EvaluationResult:
            """The result; without a score where there is none, and then the comment says why."""
            return EvaluationResult(**function(inputs=run.inputs, outputs=run.outputs))

    return RubricEvaluator()


def _opened(
    rubric: OneRubric,
    judge: str | ChatModel | BackgroundJudge,
    samples: int | None,
    explain: bool,
    cache: Cache | None,
) -> tuple[Rubric, BackgroundJudge]:
    (one,) = loaded(rubric)
    if isinstance(judge, BackgroundJudge):
        return one, judge
    return one, BackgroundJudge(judge, cache=cache, samples=samples, explain=explain)


def _finalized(function: F, rubric: Rubric, background: BackgroundJudge, judge: object) -> F:
    """The function, named as its rubric; a judge that was opened for it ends with it."""
    function.__name__ = rubric.id
    if background is not judge:
        weakref.finalize(function, background.close)
    return function


async def _evaluated(background: BackgroundJudge, rubric: Rubric, inputs: Any, outputs: Any) -> dict[str, Any]:
    conversation = _conversation(inputs, outputs)
    place = _last_answer(conversation.turns)
    if place is None:
        return _no_score(rubric, "there is no assistant turn to judge")
    try:
        return _result(rubric, await background.judge_turn(conversation, place, rubric))
    except ConvexplainError as error:
        return _no_score(rubric, str(error))


def _conversation(inputs: Any, outputs: Any) -> Conversation:
    before, after = turns_in(inputs, "user"), turns_in(outputs, "assistant")
    whole = any(turn.role in ("user", "system") for turn in after)
    return Conversation("evaluated", after if whole else (*before, *after))


def _last_answer(turns: tuple[Turn, ...]) -> int | None:
    return next((place for place in reversed(range(len(turns))) if turns[place].role == "assistant"), None)


def _no_score(rubric: Rubric, why: str) -> dict[str, Any]:
    return {"key": rubric.id, "score": None, "comment": why, "metadata": {"threshold": rubric.threshold}}


def _result(rubric: Rubric, found: Judgement) -> dict[str, Any]:
    metadata = {
        "threshold": rubric.threshold,
        "label": found.label,
        "probabilities": dict(found.evidence.probabilities),
        "evidence": found.evidence.kind,
        "turn": found.turn,
        "model": found.model,
        "prompt_sha": found.prompt_sha,
    }
    return {"key": rubric.id, "score": found.score, "comment": found.reason or found.label, "metadata": metadata}
