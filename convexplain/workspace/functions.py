"""The public functions, and the place where the parts are put together for Python."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from convexplain.analysis.pipeline import Turns, turns_to_judge
from convexplain.connectors.logs import read_log
from convexplain.errors import UsageError
from convexplain.explain.attribution import AttributionSettings
from convexplain.explain.contrasts import EditableTurns, Settings
from convexplain.explain.scalarizers import Perturb
from convexplain.judges import Judge
from convexplain.judges.heads import judged_by
from convexplain.models.chat import Cache, ChatModel
from convexplain.models.infilling import Infiller
from convexplain.rubrics import HEADLINE, load_rubric
from convexplain.store import RunStore, noise_floor
from convexplain.types import ROLES, Attribution, Contrast, Conversation, Goal, Judgement, Level, Role, Rubric, Turn

from .build import asking, searching

__all__ = ["aattribute", "acontrast", "ajudge", "attribute", "contrast", "judge", "load_rubric", "read_log"]

T = TypeVar("T")
OneRubric = str | Path | Rubric
Rubrics = OneRubric | Iterable[OneRubric]
Talk = Conversation | Sequence[Turn] | Sequence[Mapping[str, Any]]


async def ajudge(
    conversation: Talk,
    rubrics: Rubrics = HEADLINE,
    model: str | ChatModel = "embedded",
    turns: Turns = "all",
    *,
    samples: int | None = None,
    explain: bool = False,
    cache: Cache | None = None,
) -> list[Judgement]:
    """Judges the assistant turns of one conversation.

    Args:
        conversation: a Conversation, or its turns: `Turn` objects or mappings with `role` and `content`.
        rubrics: rubrics, ids of shipped ones, or paths of YAML files; one or several.
        model: what `--judge` takes on the command line, or a model of your own, prepared (it is not closed).
        turns: `all` assistant turns or the `last` one.
        samples: average that many sampled replies; None reads label probabilities where the model gives them.
        explain: ask for a reason in words (one more call a judgement).
        cache: where replies are kept, e.g. a `RunStore`; for this call only unless told.

    Returns:
        One judgement for each judged turn and rubric: rubrics in the order given, turns in theirs. `score` is in
        [0, 1], 1 = the requirement is satisfied, None = unscored with `reason` saying why.

    Raises:
        UsageError, RubricError: an argument cannot be meant.
        UnavailableError: the model cannot be had.
    """
    talk = _conversation(conversation)
    if turns not in ("all", "last"):
        raise UsageError(f"turns={turns!r} is not valid; valid are: 'all', 'last'")
    if samples is not None and samples < 1:
        raise UsageError(f"samples={samples} is not valid; it must be at least 1")
    wanted = [item if isinstance(item, Rubric) else load_rubric(item) for item in _several(rubrics)]
    async with asking(model, cache) as calls:
        one = Judge(calls, samples=samples, explain=explain)
        places = [(turn, rubric) for rubric in wanted for turn in turns_to_judge(talk, turns)]
        return list(await asyncio.gather(*(one.judge_turn(talk, turn, rubric) for turn, rubric in places)))


def judge(
    conversation: Talk,
    rubrics: Rubrics = HEADLINE,
    model: str | ChatModel = "embedded",
    turns: Turns = "all",
    *,
    samples: int | None = None,
    explain: bool = False,
    cache: Cache | None = None,
) -> list[Judgement]:
    """As `ajudge`, for callers without an event loop; inside one (a notebook) it works too, and blocks it meanwhile."""
    return _blocking(ajudge(conversation, rubrics, model, turns, samples=samples, explain=explain, cache=cache))


async def acontrast(
    conversation: Talk,
    turn: int,
    rubric: OneRubric,
    judge: str | ChatModel = "embedded",
    responder: str | ChatModel | None = None,
    infiller: str | Infiller = "embedded",
    *,
    goal: Goal = "cross",
    delta: float | None = None,
    budget: int = 50,
    split_k: int | None = None,
    search: str = "guided",
    revise: bool = False,
    editable: EditableTurns = "assistant",
    prior: Sequence[float] | Sequence[Attribution] | None = None,
    minimise: bool = True,
    seed: int = 0,
    alpha: float = 0.5,
    samples: int | None = None,
    cache: Cache | None = None,
) -> Contrast:
    """Looks for the smallest edit that would have changed how a turn is judged.

    Without a responder the logged turn is judged again in edited contexts (`rescore`); with one, the turn is answered
    anew to each edited context (`regenerate`); with `revise` the turn's own words are edited.

    Args:
        conversation: a Conversation, or its turns: `Turn` objects or mappings with `role` and `content`.
        turn: 0-based index of the judged turn, an assistant's; negative ones count from the end.
        rubric: a rubric, the id of a shipped one, or the path of a YAML file.
        judge: what `--judge` takes on the command line, or a model of your own, prepared (it is not closed).
        responder: the model under test, likewise; when it is the judge's, one model serves as both.
        infiller: what `--infiller` takes, or an infiller of your own, prepared (it is not closed).
        goal: `cross` the rubric's threshold, or `improve` or `worsen` the score.
        delta: by how much, in [0, 1]; None with `cross` takes the noise floor that `cache` holds, or 0.1.
        budget: edited contexts that are sent to responder or judge at most.
        split_k: words that are edited as one; None = 1, and more in very long texts.
        search: `guided`, `few`, `cell_budget` or `cell`.
        revise: edit the judged turn itself.
        editable: otherwise the earlier turns of the `assistant`, of the `user`, or `all` of them, or indices of turns.
        prior: for each unit how likely it matters, up to a factor; or what `attribute` says of the same turn.
        minimise: after a crossing, look for one with fewer edits.
        seed: the same seed gives the same result.
        alpha: share of earlier candidates among the seeds of `cell_budget`.
        samples: average that many sampled replies; None reads label probabilities where the model gives them.
        cache: where replies are kept, e.g. a `RunStore`; for this call only unless told.

    Returns:
        The contrast, or with `found` False the largest movement; `stopped` says why the search ended.

    Raises:
        UsageError, RubricError: an argument cannot be meant.
        UnavailableError: a model cannot be had.
    """
    talk = _conversation(conversation)
    place = turn + len(talk.turns) if -len(talk.turns) <= turn < 0 else turn
    settings = Settings(
        goal=goal,
        delta=delta,
        budget=budget,
        search=search,
        revise=revise,
        editable=editable,
        split_k=split_k,
        prior=prior,
        minimise=minimise,
        seed=seed,
        alpha=alpha,
    )
    one = rubric if isinstance(rubric, Rubric) else load_rubric(rubric)
    if samples is not None and samples < 1:
        raise UsageError(f"samples={samples} is not valid; it must be at least 1")
    if revise and responder is not None:
        raise UsageError(
            "responder: with revise=True the judged turn itself is edited, so none is asked; give one of them"
        )
    async with searching(judge, responder, infiller, cache) as models:
        judging = judged_by(models.judge.model)
        known = noise_floor(cache, judging, one, samples) if isinstance(cache, RunStore) else None
        return await models.finder(samples).find(talk, place, one, settings, known)


def contrast(
    conversation: Talk,
    turn: int,
    rubric: OneRubric,
    judge: str | ChatModel = "embedded",
    responder: str | ChatModel | None = None,
    infiller: str | Infiller = "embedded",
    *,
    goal: Goal = "cross",
    delta: float | None = None,
    budget: int = 50,
    split_k: int | None = None,
    search: str = "guided",
    revise: bool = False,
    editable: EditableTurns = "assistant",
    prior: Sequence[float] | Sequence[Attribution] | None = None,
    minimise: bool = True,
    seed: int = 0,
    alpha: float = 0.5,
    samples: int | None = None,
    cache: Cache | None = None,
) -> Contrast:
    """As `acontrast`, for callers without an event loop; inside one it works too, and blocks it meanwhile."""
    return _blocking(
        acontrast(
            conversation,
            turn,
            rubric,
            judge,
            responder,
            infiller,
            goal=goal,
            delta=delta,
            budget=budget,
            split_k=split_k,
            search=search,
            revise=revise,
            editable=editable,
            prior=prior,
            minimise=minimise,
            seed=seed,
            alpha=alpha,
            samples=samples,
            cache=cache,
        )
    )


async def aattribute(
    conversation: Talk,
    turn: int,
    rubric: OneRubric,
    judge: str | ChatModel = "embedded",
    responder: str | ChatModel | None = None,
    infiller: str | Infiller = "embedded",
    *,
    method: str = "clime",
    scalarizer: str = "judge",
    phrases: str = "rules",
    levels: Sequence[Level] = ("turn", "sentence", "phrase"),
    budget: int | None = None,
    top: int = 2,
    share: float | None = None,
    k: int = 3,
    perturb: Perturb = "remove",
    response: bool = False,
    seed: int = 0,
    samples: int | None = None,
    cache: Cache | None = None,
) -> list[Attribution]:
    """Says which turns, sentences, phrases and words before a turn its score hangs on.

    Args:
        conversation: a Conversation, or its turns: `Turn` objects or mappings with `role` and `content`.
        turn: 0-based index of the judged turn, an assistant's; negative ones count from the end.
        rubric: a rubric, the id of a shipped one, or the path of a YAML file.
        judge: what `--judge` takes on the command line, or a model of your own, prepared (it is not closed).
        responder: the model under test, likewise: it answers each perturbed conversation anew; None keeps the logged
            answer.
        infiller: what `--infiller` takes, or an infiller of your own, prepared; wanted with `perturb="infill"` only.
        method: `clime` (a linear fit), `lshap` (Shapley values among neighbours), `loo` (leave one out) or `joint`
            (the k units that together do most).
        scalarizer: what is attributed: the `judge`'s score; `logprob`, the log-probability of the logged answer by the
            responder or else the judge's model; or how like its first answer the responder's new one is: `bertscore`,
            `bartscore`, `summary` or `nli`, each also as `NAME:REPO_OR_FOLDER`.
        phrases: what says where phrases begin: `rules`, or `spacy:PIPELINE` for a parser that is installed.
        levels: out of turn, sentence, phrase, word, from coarse to fine; of each level the top units are refined.
        budget: perturbed conversations at most, all levels together; 3 for each unit unless given.
        top: units of a level that are refined at most.
        share: instead of `top`: as many units as have that share of all that speaks for the turn's side, in (0, 1].
        k: `joint` only: units that are taken together.
        perturb: `remove` units, put a `placeholder` in their places, or `infill` them (three fills, averaged).
        response: attribute to the parts of the judged turn as well.
        seed: the same seed gives the same result.
        samples: average that many sampled replies; None reads label probabilities where the model gives them.
        cache: where replies are kept, e.g. a `RunStore`; for this call only unless told.

    Returns:
        One attribution a level, the coarsest first; `scores` are on the log-odds of *satisfied* (positive = the unit
        raises the score) where the judge gives label probabilities, else on the score itself, or on the scale of the
        scalarizer.

    Raises:
        UsageError, RubricError: an argument cannot be meant.
        UnavailableError: a model cannot be had.
    """
    talk = _conversation(conversation)
    place = turn + len(talk.turns) if -len(talk.turns) <= turn < 0 else turn
    settings = AttributionSettings(method, tuple(levels), budget, top, share, k, perturb, response, seed)
    one = rubric if isinstance(rubric, Rubric) else load_rubric(rubric)
    if samples is not None and samples < 1:
        raise UsageError(f"samples={samples} is not valid; it must be at least 1")
    async with searching(judge, responder, infiller if perturb == "infill" else None, cache) as models:
        judging = judged_by(models.judge.model)
        known = noise_floor(cache, judging, one, samples) if isinstance(cache, RunStore) else None
        return await models.attributor(samples, scalarizer, phrases).attribute(talk, place, one, settings, known)


def attribute(
    conversation: Talk,
    turn: int,
    rubric: OneRubric,
    judge: str | ChatModel = "embedded",
    responder: str | ChatModel | None = None,
    infiller: str | Infiller = "embedded",
    *,
    method: str = "clime",
    scalarizer: str = "judge",
    phrases: str = "rules",
    levels: Sequence[Level] = ("turn", "sentence", "phrase"),
    budget: int | None = None,
    top: int = 2,
    share: float | None = None,
    k: int = 3,
    perturb: Perturb = "remove",
    response: bool = False,
    seed: int = 0,
    samples: int | None = None,
    cache: Cache | None = None,
) -> list[Attribution]:
    """As `aattribute`, for callers without an event loop; inside one it works too, and blocks it meanwhile."""
    return _blocking(
        aattribute(
            conversation,
            turn,
            rubric,
            judge,
            responder,
            infiller,
            method=method,
            scalarizer=scalarizer,
            phrases=phrases,
            levels=levels,
            budget=budget,
            top=top,
            share=share,
            k=k,
            perturb=perturb,
            response=response,
            seed=seed,
            samples=samples,
            cache=cache,
        )
    )


def _blocking(work: Coroutine[Any, Any, T]) -> T:
    """Runs to the end what is async; in a thread of its own where a loop runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome: list[T | BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (found,) = outcome
    if isinstance(found, BaseException):
        raise found
    return found


def _several(rubrics: Rubrics) -> list[OneRubric]:
    return [rubrics] if isinstance(rubrics, (str, Path, Rubric)) else list(rubrics)


def _conversation(talk: Talk) -> Conversation:
    if isinstance(talk, Conversation):
        return talk
    turns: list[Turn] = []
    for i, turn in enumerate(talk):
        if isinstance(turn, Turn):
            turns.append(turn)
        else:
            message: Mapping[str, Any] = turn if isinstance(turn, Mapping) else {}
            role, content = message.get("role"), message.get("content")
            if role not in ROLES or not isinstance(content, str):
                raise UsageError(
                    f"conversation[{i}] must have a 'role' out of {', '.join(ROLES)} and a 'content' that is a string; "
                    f"got role={role!r}, content of type {type(content).__name__}"
                )
            turns.append(Turn(cast("Role", role), content))
    return Conversation("conversation", tuple(turns))
