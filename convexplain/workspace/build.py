"""Builds judges from their descriptions. Nothing else calls `Judge`."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import quote

from convexplain.agreement.calibration import Calibration
from convexplain.analysis.pipeline import TurnJudge, chosen_turns
from convexplain.errors import UsageError, first_error
from convexplain.judges import Judge
from convexplain.judges.calibrated import CalibratedJudge
from convexplain.judges.cascade import Cascade
from convexplain.judges.heads import check_maxims, scoring_fingerprint
from convexplain.judges.reasons import ReasonedJudge, Reasons
from convexplain.judges.second_prompt import DoubleJudge, second_request
from convexplain.judges.spec import JudgeSpec
from convexplain.models.calls import Calls
from convexplain.models.chat import Cache, ChatModel, LoadsWeights, Spend
from convexplain.store import Run, RunStore
from convexplain.types import Conversation, Judgement, Rubric

from .judge_arguments import JudgeLike, ModelLike, judge_spec, opened_model
from .loaded_models import ModelUse
from .scales import calibration_key, run_calibrations, stored_calibrations, with_thresholds

Reword: TypeAlias = Callable[[str], str]
_MODEL = re.compile(r"[?&]model=([^&]+)")


@dataclass(slots=True)
class BuiltJudge:
    """A judge whose models are open.

    Attributes:
        spec: what it was built from; its `model` names the served model where the endpoint was asked for it.
        calls: calls to its model.
        rubrics: the rubrics it was built for, with the thresholds that calibrations propose.
        calibrations: rubric id to what its scores are mapped by.
        settings: what decides its scores besides the model, as JSON values for a run's settings.
        judge: scores turns, with reasons in words for those that are to have one.
        scorer: scores them in the same way, without reasons.
        stronger: calls to the models that it escalates to, the strongest last.
        stronger_calibrations: likewise, for each of these.
        reopens: whether the spec is enough to build it again; a model of one's own is not known by its name.
    """

    spec: JudgeSpec
    calls: Calls
    rubrics: list[Rubric] = field(default_factory=list)
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    stronger: tuple[Calls, ...] = ()
    stronger_calibrations: tuple[Mapping[str, Calibration], ...] = ()
    reopens: bool = True
    judge: TurnJudge = field(init=False)
    scorer: TurnJudge = field(init=False)

    def __post_init__(self) -> None:
        levels = [*map(partial(_level, self.spec), self.all_calls, (self.calibrations, *self.stronger_calibrations))]
        self.scorer, reasons = levels.pop()
        self.judge = ReasonedJudge(self.scorer, reasons)
        while levels:
            cheap, reasons = levels.pop()
            self.judge = Cascade(cheap, self.judge, self.spec.band, reasons)
            self.scorer = Cascade(cheap, self.scorer, self.spec.band)

    @property
    def model(self) -> ChatModel:
        """The judge's model."""
        return self.calls.model

    @property
    def fingerprint(self) -> str:
        """Return what identifies the model's scores."""
        return scoring_fingerprint(self.calls.model)

    @property
    def all_calls(self) -> list[Calls]:
        """Calls to each model."""
        return [self.calls, *self.stronger]

    @property
    def spends(self) -> list[Spend]:
        """Return what each model has cost."""
        return [calls.spend for calls in self.all_calls]

    @property
    def escalated(self) -> str:
        """Return in words how many turns each stronger judge has judged; empty where there is none."""
        sentences, judge = [], self.judge
        for calls in self.stronger:
            if not isinstance(judge, Cascade):
                break
            share = f" ({judge.escalated / judge.judged:.0%})" if judge.judged else ""
            sentences.append(
                f"{judge.escalated:,} of {judge.judged:,} judgements{share} were escalated to {calls.model.name}: "
                f"{calls.spend.calls:,} calls, {calls.spend.cached:,} from the cache"
            )
            judge = judge.strong
        return "; ".join(sentences)

    async def judge_all(
        self,
        conversations: Sequence[Conversation],
        turns: Callable[[Conversation], Sequence[int]],
        on_judged: Callable[[Judgement], None] = lambda judgement: None,
    ) -> list[Judgement]:
        """Judge turns of conversations on all rubrics: rubrics in their order, then conversations, then turns.

        Args:
            conversations: the conversations.
            turns: returns the indices of the turns of a conversation that are judged; on a rubric of conversations
                one that has such turns is judged once.
            on_judged: receives each judgement as soon as it is there.

        Raises:
            UnavailableError: a model is gone.
        """
        places = [
            (talk, turn, rubric)
            for rubric in self.rubrics
            for talk in conversations
            for turn in chosen_turns(talk, lambda talk, _: turns(talk), rubric)
        ]
        room = asyncio.Semaphore(max(32, 4 * self.model.in_flight * self.model.batch))

        async def judged(place: tuple[Conversation, int, Rubric]) -> Judgement:
            try:
                judgement = await self.judge.judge_turn(*place)
            finally:
                room.release()
            on_judged(judgement)
            return judgement

        tasks: list[asyncio.Task[Judgement]] = []
        try:
            async with asyncio.TaskGroup() as group:
                for place in places:
                    await room.acquire()
                    tasks.append(group.create_task(judged(place)))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from errors
        return [task.result() for task in tasks]

    def renewed(self) -> "BuiltJudge":
        """Return the same judge with calls that know nothing of earlier failures."""
        return replace(self, calls=self.calls.renewed(), stronger=tuple(calls.renewed() for calls in self.stronger))

    def for_rubrics(self, rubrics: Sequence[Rubric], cache: Cache | None) -> "BuiltJudge":
        """Return the same judge, with the same calls, for other rubrics.

        Raises:
            UsageError: a calibration that is asked for is not there.
        """
        return _built(self.spec, self.all_calls, rubrics, cache, self.reopens)

    def single(self, reword: Reword | None = None) -> TurnJudge:
        """Return what scores turns without the stronger judges, and without reasons.

        Args:
            reword: changes each prompt's text before it is asked; for measuring what such a change does.
        """
        return _level(self.spec, self.calls, self.calibrations, reword)[0]


def single_judge(spec: JudgeSpec, calls: Calls) -> TurnJudge:
    """Return what scores turns by these calls, with reasons, without calibrations and without stronger judges."""
    return ReasonedJudge(*_level(spec, calls, {}))


def _level(
    spec: JudgeSpec, calls: Calls, calibrations: Mapping[str, Calibration], reword: Reword | None = None
) -> tuple[TurnJudge, Reasons]:
    """Return what scores turns by these calls, calibrated where there are calibrations, and what adds its reasons."""
    judge = Judge(calls, samples=spec.samples, reword=reword, reasoning=spec.reasoning)
    scorer = _calibrated(judge, calibrations)
    if spec.second_prompt:
        second = Judge(calls, samples=spec.samples, reword=reword, reasoning=spec.reasoning, build=second_request)
        scorer = DoubleJudge(scorer, _calibrated(second, calibrations))
    return scorer, Reasons(judge, spec.reasons)


def _calibrated(judge: TurnJudge, calibrations: Mapping[str, Calibration]) -> TurnJudge:
    return CalibratedJudge(judge, calibrations) if calibrations else judge


@asynccontextmanager
async def open_calls(
    model: ModelLike | JudgeSpec,
    cache: Cache | None = None,
    on_change: Callable[[], None] | None = None,
) -> AsyncIterator[Calls]:
    """Open calls to a prepared model; one that was opened here is closed at the end, or stays loaded.

    Args:
        model: the model.
        cache: where replies are kept; in memory unless given.
        on_change: is called when something was spent.
    """
    chosen = opened_model(model)
    use = ModelUse(chosen, opened_here=chosen is not model)
    try:
        async with Calls(await use.prepare(), cache, on_change=on_change) as calls:
            yield calls
    finally:
        await use.aclose()


class PendingJudge:
    """A judge whose models are chosen, and neither loaded nor reached yet.

    Args:
        judge: the judge.
        spec: what describes it.
        rubrics: what it is to judge.

    Attributes:
        spec, rubrics, reopens: as of `BuiltJudge`; here without what only prepared models tell.

    Raises:
        UsageError, UnavailableError, MissingExtraError: there is no such model.
    """

    def __init__(self, judge: JudgeLike, spec: JudgeSpec, rubrics: Sequence[Rubric] = ()) -> None:
        self.spec = spec
        self.rubrics = list(rubrics)
        self.reopens = isinstance(judge, (str, JudgeSpec))
        first = opened_model(spec if isinstance(judge, (str, JudgeSpec)) else judge)
        self._uses = [ModelUse(first, opened_here=first is not judge)]
        self._uses += [ModelUse(opened_model(stronger)) for stronger in spec.chain[1:]]
        if not spec.samples:
            check_maxims(first, self.rubrics)

    @property
    def model(self) -> ChatModel:
        """The model of the judge that judges every turn."""
        return self._uses[0].model

    @property
    def fingerprint(self) -> str:
        """The spec: some models do not know their own fingerprint before they are prepared."""
        return self.spec.public

    @property
    def fingerprints(self) -> list[str]:
        """Return what identifies the scores of each model, once the models are prepared."""
        return [scoring_fingerprint(use.model) for use in self._uses]

    @property
    def settings(self) -> dict[str, Any]:
        """As of `BuiltJudge`."""
        return _settings(self.spec)

    async def prepare(self, load: bool = True) -> None:
        """Prepare the models.

        Args:
            load: False prepares only what needs no weights (a server tells its model's name): enough to count calls.

        Raises:
            UnavailableError, MissingExtraError: a model cannot be had.
        """
        for use in self._uses:
            if load or not isinstance(use.model, LoadsWeights):
                await use.prepare()

    def build(
        self, cache: Cache | None, run: Run | None = None, on_change: Callable[[], None] | None = None
    ) -> BuiltJudge:
        """Return the judge, once its models are prepared.

        Args:
            cache, run, on_change: as of `open_judge`.

        Raises:
            UsageError: a calibration that is asked for is not there.
        """
        calls = [Calls(use.model, cache, on_change=on_change) for use in self._uses]
        spec = _pinned(self.spec, [use.model for use in self._uses])
        if run is not None:
            return BuiltJudge(spec, calls[0], self.rubrics, run_calibrations(run, self.model, spec.samples))
        return _built(spec, calls, self.rubrics, cache, self.reopens)

    async def aclose(self) -> None:
        """Close the models that were opened here, or leave them loaded."""
        async with AsyncExitStack() as stack:
            for use in self._uses:
                stack.push_async_callback(use.aclose)


@asynccontextmanager
async def open_judge(
    judge: JudgeLike,
    rubrics: Sequence[Rubric] = (),
    *,
    cache: Cache | None = None,
    run: Run | None = None,
    on_change: Callable[[], None] | None = None,
    load: bool = True,
    **options: Any,
) -> AsyncIterator[BuiltJudge]:
    """Open a judge: its model, its calibrations and its stronger judges.

    Args:
        judge: the judge.
        rubrics: what it is to judge: calibrations are looked for on these.
        cache: where replies are kept, and, if it is a store, calibrations; in memory unless given.
        run: score on the scale of this run: by the calibrations that it was judged with, without a second judge.
        on_change: is called when something was spent.
        load: as of `PendingJudge.prepare`.
        options: fields of `JudgeSpec` that count instead of the judge's own.

    Raises:
        UsageError: an option is not valid, or a calibration that is asked for is not there.
        UnavailableError: a model cannot be had.
    """
    spec = judge_spec(judge, **options)
    try:
        pending = PendingJudge(judge, spec if run is None else replace(spec.raw(), reasons="none"), rubrics)
    except UsageError as error:
        if run is None or run.judge_spec is not None or spec.model != run.judge:
            raise
        raise UsageError(
            f"run {run.id} was judged by {run.judge!r}, which cannot be opened by that name: name a judge "
            f"(--judge, or judge= from Python). {error}"
        ) from error
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pending.aclose)
        await pending.prepare(load)
        built = pending.build(cache, run, on_change)
        for calls in built.all_calls:
            await stack.enter_async_context(calls)
        yield built


def _settings(spec: JudgeSpec) -> dict[str, Any]:
    reasons = {"all": True, "none": False}.get(spec.reasons, spec.reasons)  # as earlier runs have it
    reasoning = {"reasoning": True} if spec.reasoning else {}  # earlier runs have no such setting
    second = {"second_prompt": True} if spec.second_prompt else {}
    return {"samples": spec.samples, "explain": reasons, **reasoning, **second}


def _built(
    spec: JudgeSpec, calls: Sequence[Calls], rubrics: Sequence[Rubric], cache: Cache | None, reopens: bool
) -> BuiltJudge:
    first, *stronger = calls
    calibrations: list[dict[str, Calibration]] = [{} for _ in calls]
    settings = _settings(spec)
    if spec.calibrated:
        if not isinstance(cache, RunStore):
            raise UsageError("calibrated: calibrations lie in a store, and there is none; give the workspace one")
        calibrations = [
            stored_calibrations(cache, each.model, spec.samples, rubrics, required=each is first) for each in calls
        ]
        settings["calibrated"] = {
            calibration_key(each.model, spec.samples): {rubric: entry.body() for rubric, entry in entries.items()}
            for each, entries in zip(calls, calibrations, strict=True)
        }
    if stronger:
        settings["escalate"] = [*(scoring_fingerprint(each.model) for each in stronger), spec.band]
    scaled = with_thresholds(rubrics, calibrations[0])
    return BuiltJudge(spec, first, scaled, calibrations[0], settings, tuple(stronger), tuple(calibrations[1:]), reopens)


def _pinned(spec: JudgeSpec, models: Sequence[ChatModel]) -> JudgeSpec:
    """The spec, each judge with the name of the model that its server says it serves, where none was named."""
    model, *stronger = models
    if spec.escalate is not None:
        spec = replace(spec, escalate=_pinned(spec.escalate, stronger))
    if not spec.model.lower().startswith(("http://", "https://", "connection:")) or _MODEL.search(spec.model):
        return spec
    served = _MODEL.search(model.name)
    if served is None:
        return spec
    return replace(spec, model=f"{spec.model}{'&' if '?' in spec.model else '?'}model={quote(served[1], safe='/:')}")
