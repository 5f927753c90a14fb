"""Explainers: what attributes turns and looks for contrasts, from the names of judge, responder and infiller."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from convexplain.connectors.infillers import open_infiller
from convexplain.connectors.phrase_parsers import open_phrases
from convexplain.connectors.scorers import ScalarizerKind, find_scalarizer
from convexplain.errors import UsageError
from convexplain.explain.attribution import Attributor
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.measurement import TurnMeasure
from convexplain.explain.scalarizers import Scalarizer
from convexplain.judges.spec import JudgeSpec
from convexplain.models.calls import Calls
from convexplain.models.chat import Cache, Spend
from convexplain.models.infilling import FillsByModel, Infiller
from convexplain.store import Run
from convexplain.types import Rubric

from .build import BuiltJudge, open_calls, open_judge
from .judge_arguments import JudgeLike, ModelLike, first_judge, judge_spec, opened_model
from .loaded_models import ModelUse


@dataclass(frozen=True, slots=True)
class Explainers:
    """The models that explain turns, opened.

    Attributes:
        judge: the judge.
        responder: calls to the model under test, the judge's own where both are one model; None where there is none.
        infiller: fills holes; None where none was asked for.
    """

    judge: BuiltJudge
    responder: Calls | None
    infiller: Infiller | None

    @property
    def spends(self) -> list[Spend]:
        """Return what each model has cost."""
        responder = [self.responder.spend] if self.responder and self.responder is not self.judge.calls else []
        return [*self.judge.spends, *responder]

    def finder(self) -> ContrastFinder:
        """Return what looks for contrasts with these models.

        Raises:
            UsageError: no infiller was asked for.
        """
        if self.infiller is None:
            raise UsageError("infiller=None is not valid: contrasts need one")
        return ContrastFinder(self.judge.judge, self.infiller, self.responder)

    def attributor(self, scalarizer: str = "judge", phrases: str = "rules") -> Attributor:
        """Return what attributes with these models.

        Args:
            scalarizer: what is attributed, a name out of `connectors.scorers.SCALARIZERS`.
            phrases: what says where phrases begin, one of `connectors.phrase_parsers.PHRASES`.

        Raises:
            UsageError: there is no such scalarizer or parser, or the scalarizer needs a responder.
            MissingExtraError, UnavailableError: the parser cannot be had.
        """
        measure = TurnMeasure(self.judge.judge, self.responder)
        return Attributor(measure, self.infiller, self._scalarizer(scalarizer), open_phrases(phrases))

    def _scalarizer(self, scalarizer: str) -> Callable[[], Scalarizer] | None:
        kind, target = check_scalarizer(scalarizer, self.responder is not None)
        return None if kind.make is None else kind.make(target, self.responder or self.judge.calls)


def check_scalarizer(name: str, responder: bool) -> tuple[ScalarizerKind, str]:
    """Return the kind of scalarizer that a name means, and its target.

    Raises:
        UsageError: there is no such scalarizer, or it needs a responder.
    """
    kind, target = find_scalarizer(name)
    if kind.needs_responder and not responder:
        raise UsageError(f"scalarizer {name!r} compares a responder's answers; name a responder")
    return kind, target


async def check_models(
    judge: JudgeLike | None = None, responder: ModelLike | None = None, *, infiller: str | Infiller | None = None
) -> None:
    """Check that models that are named are known; nothing is loaded or reached.

    Raises:
        UsageError, UnavailableError, MissingExtraError: there is no such model.
    """
    for model in (judge, responder):
        if isinstance(model, (str, JudgeSpec)):
            await opened_model(model).aclose()
    if isinstance(infiller, str):
        await open_infiller(infiller, None).aclose()


@asynccontextmanager
async def open_filler(infiller: str | Infiller, cache: Cache | None = None) -> AsyncIterator[Infiller]:
    """Open a prepared infiller; one that was opened here is closed at the end, or its model stays loaded."""
    if not isinstance(infiller, str):
        await infiller.prepare()
        yield infiller
        return
    chosen = open_infiller(infiller, cache)
    if not isinstance(chosen, FillsByModel):
        filler_use = ModelUse(chosen)
        try:
            yield await filler_use.prepare()
        finally:
            await filler_use.aclose()
        return
    use = ModelUse(chosen.model)
    try:
        filler = chosen.using(await use.prepare())
        try:
            yield filler
        finally:
            await filler.aclose()
    finally:
        await use.aclose()


@asynccontextmanager
async def open_explainers(
    judge: JudgeLike,
    responder: ModelLike | None,
    infiller: str | Infiller | None,
    *,
    rubrics: Sequence[Rubric] = (),
    cache: Cache | None = None,
    run: Run | None = None,
    on_change: Callable[[], None] | None = None,
    **options: Any,
) -> AsyncIterator[Explainers]:
    """Open judge, responder and infiller; one model serves as judge and responder where both are the same.

    A second judge is left out: scores of two judges are not mixed in one explanation.

    Args:
        judge, rubrics, cache, run, on_change, options: as of `open_judge`.
        responder: the model under test; None where there is none.
        infiller: what fills holes; None where none is needed.
    """
    judge = first_judge(judge)
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(
            open_judge(judge, rubrics, cache=cache, run=run, on_change=on_change, **{**options, "reasons": "none"})
        )
        calls = None
        if responder is not None:
            shared = responder is judge or (isinstance(responder, str) and responder == _name(judge))
            calls = built.calls if shared else await stack.enter_async_context(open_calls(responder, cache, on_change))
        filler = None if infiller is None else await stack.enter_async_context(open_filler(infiller, cache))
        yield Explainers(built, calls, filler)


def _name(judge: JudgeLike) -> str | None:
    if isinstance(judge, (str, JudgeSpec)):
        return judge_spec(judge).address
    return None
