"""Opens the models that a search needs, by name or as objects. Part of the composition root, as api and cli are."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from convexplain.agreement.calibration import Calibration
from convexplain.analysis.pipeline import TurnJudge
from convexplain.connectors.infillers import open_infiller
from convexplain.connectors.models import open_model
from convexplain.connectors.parsers import open_phrases
from convexplain.connectors.scorers import SIMILARITIES, open_similarity
from convexplain.errors import UsageError
from convexplain.explain.attribution import Attributor
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.measurement import Measure
from convexplain.explain.scalarizers import Scalarizer
from convexplain.judges import Judge
from convexplain.judges.calibrated import CalibratedJudge
from convexplain.judges.response_logprob import ResponseLogprob
from convexplain.judges.similarity import ResponseSimilarity, Similarity
from convexplain.models.calls import Calls
from convexplain.models.chat import Cache, ChatModel, Spend
from convexplain.models.infilling import Infiller

SCALARIZERS = f"judge, logprob, {SIMILARITIES}"


@dataclass(frozen=True, slots=True)
class Opened:
    """What explains turns.

    Attributes:
        judge: calls to the judge's model.
        responder: calls to the model under test, the judge's own where both are one model; None where there is none.
        infiller: fills holes; None where none was asked for.
    """

    judge: Calls
    responder: Calls | None
    infiller: Infiller | None

    @property
    def spends(self) -> list[Spend]:
        """What each model has cost."""
        second = [self.responder.spend] if self.responder and self.responder is not self.judge else []
        return [self.judge.spend, *second]

    def finder(
        self, samples: int | None = None, calibrations: Mapping[str, Calibration] | None = None
    ) -> ContrastFinder:
        """Looks for contrasts with these models; turns are scored as `scoring` says.

        Raises:
            UsageError: no infiller was asked for.
        """
        if self.infiller is None:
            raise UsageError("infiller=None is not valid: contrasts need one")
        return ContrastFinder(scoring(self.judge, samples, calibrations), self.infiller, self.responder)

    def attributor(
        self,
        samples: int | None = None,
        scalarizer: str = "judge",
        phrases: str = "rules",
        calibrations: Mapping[str, Calibration] | None = None,
    ) -> Attributor:
        """Attributes with these models.

        Args:
            samples, calibrations: as of `scoring`.
            scalarizer: what is attributed, one of `SCALARIZERS`.
            phrases: what says where phrases begin, one of `PHRASES`.

        Raises:
            UsageError: there is no such scalarizer or parser, or the scalarizer needs a responder.
            MissingExtraError, UnavailableError: the parser cannot be had.
        """
        measure = Measure(scoring(self.judge, samples, calibrations), self.responder)
        return Attributor(measure, self.infiller, self._scalarizer(scalarizer), open_phrases(phrases))

    def _scalarizer(self, scalarizer: str) -> Callable[[], Scalarizer] | None:
        similarity = check_scalarizer(scalarizer, self.responder is not None)
        responder = self.responder
        if scalarizer == "logprob":
            return lambda: ResponseLogprob(responder or self.judge)
        if similarity is None or responder is None:
            return None
        return lambda: ResponseSimilarity(responder, similarity)


def scoring(
    calls: Calls, samples: int | None = None, calibrations: Mapping[str, Calibration] | None = None
) -> TurnJudge:
    """What scores turns.

    Args:
        calls: to the judge's model.
        samples: scores are averages of so many replies; None reads label probabilities.
        calibrations: rubric's id to what its scores are mapped by.
    """
    judge = Judge(calls, samples=samples)
    return CalibratedJudge(judge, calibrations) if calibrations else judge


def check_scalarizer(name: str, responder: bool) -> Similarity | None:
    """The similarity that a scalarizer's name means; None where it means none.

    Raises:
        UsageError: there is no such scalarizer, or it needs a responder.
    """
    if name in ("judge", "logprob"):
        return None
    try:
        similarity = open_similarity(name)
    except UsageError:
        raise UsageError(f"scalarizer {name!r} is not known; valid are: {SCALARIZERS}") from None
    if not responder:
        raise UsageError(f"scalarizer {name!r} compares a responder's answers; name a responder")
    return similarity


@asynccontextmanager
async def asking(
    model: str | ChatModel, cache: Cache | None = None, on_change: Callable[[], None] | None = None
) -> AsyncIterator[Calls]:
    """Calls to a prepared model, which is closed at the end if it was opened here, by its name."""
    chosen = open_model(model) if isinstance(model, str) else model
    try:
        await chosen.prepare()
        async with Calls(chosen, cache, on_change=on_change) as calls:
            yield calls
    finally:
        if chosen is not model:
            await chosen.aclose()


@asynccontextmanager
async def filling(infiller: str | Infiller, cache: Cache | None = None) -> AsyncIterator[Infiller]:
    """A prepared infiller, which is closed at the end if it was opened here, by its name."""
    chosen = open_infiller(infiller, cache) if isinstance(infiller, str) else infiller
    try:
        await chosen.prepare()
        yield chosen
    finally:
        if chosen is not infiller:
            await chosen.aclose()


@asynccontextmanager
async def searching(
    judge: str | ChatModel,
    responder: str | ChatModel | None,
    infiller: str | Infiller | None,
    cache: Cache | None = None,
    on_change: Callable[[], None] | None = None,
) -> AsyncIterator[Opened]:
    """Judge, responder and infiller, prepared; one model serves as judge and responder where both are the same."""
    async with AsyncExitStack() as stack:
        judging = await stack.enter_async_context(asking(judge, cache, on_change))
        answering = None
        if responder is not None:
            same = responder == judge
            answering = judging if same else await stack.enter_async_context(asking(responder, cache, on_change))
        filler = None if infiller is None else await stack.enter_async_context(filling(infiller, cache))
        yield Opened(judging, answering, filler)
