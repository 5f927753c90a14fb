"""Exports of runs: contrasts as preference pairs for trainers, and conversations."""

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convexplain import __version__
from convexplain.analysis.progress import Progress
from convexplain.connectors.training import (
    EXPORTERS,
    ConversationExporter,
    ExportFiles,
    PairExporter,
    card,
    check_folder,
    write_conversations,
    write_pairs,
)
from convexplain.errors import UsageError
from convexplain.explain.explanations import chosen_rubrics
from convexplain.explain.pair_forms import ReviewedContrast
from convexplain.explain.pair_gates import PairGates
from convexplain.explain.pairs import Pairs, PairSettings, preference_pairs
from convexplain.store import Run, RunStore, numbered_contrasts, reviews
from convexplain.store import noise_floor as stored_noise_floor
from convexplain.store.alarms import budget_rubrics
from convexplain.store.contrast_list import ContrastFilters, contrast_count
from convexplain.types import Conversation, Judgement, Rubric

from .build import BuiltJudge, open_judge
from .judge_arguments import JudgeLike, judge_spec, run_judge
from .scales import floor_key, run_noise_floor, scale_lost


@dataclass(frozen=True, slots=True)
class Exported:
    """The files and pairs of an export.

    Attributes:
        pairs: the pairs, and what became of the other contrasts; None where conversations were written.
        written: the files; None where no contrast made a pair.
    """

    pairs: Pairs | None
    written: ExportFiles | None

    def to_dict(self) -> dict[str, Any]:
        """Return how much was written where, and what was left out, as JSON values."""
        written, pairs = self.written, self.pairs
        return {
            "files": [str(path) for path in written.files] if written else [],
            "records": written.records if written else 0,
            "records_left_out": dict(written.left_out) if written else {},
            "pairs": len(pairs.pairs) if pairs else None,
            "contrasts": pairs.contrasts if pairs else None,
            "reviewed": pairs.reviewed if pairs else None,
            "contrasts_left_out": dict(pairs.left_out) if pairs else {},
        }


@dataclass(frozen=True, slots=True)
class PairJudges:
    """The judges of pairs.

    Attributes:
        first: judges edited turns; None takes the run's own.
        samples: sampled replies of it to average; None takes its own number.
        second: has to prefer the same turn of an unreviewed pair; None asks none.
    """

    first: JudgeLike | None = None
    samples: int | None = None
    second: JudgeLike | None = None

    def check(self, settings: PairSettings) -> None:
        """Check that the second judge is asked for something.

        Raises:
            UsageError: no unreviewed pairs are made.
        """
        if self.second is not None and not settings.unreviewed:
            raise UsageError("second_judge is asked about unreviewed pairs only; set PairSettings(unreviewed=True)")


@dataclass(slots=True)
class _PairJudge:
    """A judge that is opened when it is first asked: weights are loaded only if something has to be judged."""

    judge: JudgeLike
    samples: int | None
    run: Run | None  # whose scale its scores are on
    store: RunStore
    rubrics: Mapping[str, Rubric]
    stack: AsyncExitStack
    opened: list[BuiltJudge]  # all that were opened, to count what was spent
    progress: Progress
    built: BuiltJudge | None = None

    async def ask(self, conversation: Conversation, turn: int, rubric: str) -> Judgement:
        """Judge a turn on the rubric of that id."""
        if self.built is None:
            self.built = await self.stack.enter_async_context(
                open_judge(
                    self.judge,
                    [] if self.run else list(self.rubrics.values()),
                    cache=self.store,
                    run=self.run,
                    on_change=self._report_spends,
                    samples=self.samples,
                )
            )
            self.opened.append(self.built)
            if self.run and (lost := scale_lost(self.run, self.built.model, self.built.spec.samples)):
                self.progress.note(lost)
        return await self.built.scorer.judge_turn(conversation, turn, self.rubrics[rubric])

    def _report_spends(self) -> None:
        self.progress.spent(*(spend for built in self.opened for spend in built.spends))


@dataclass(frozen=True, slots=True)
class Exporting:
    """An export of a run.

    Attributes:
        store, run: what is exported.
        format: a name out of `connectors.training.EXPORTERS`.
        out: the folder.
        settings: which pairs are made.
        judges: the judges of pairs.
    """

    store: RunStore
    run: Run
    format: str
    out: Path
    settings: PairSettings
    judges: PairJudges

    async def write(self, progress: Progress) -> Exported:
        """Write the pairs of the run's contrasts or the run's conversations, as the format says.

        Raises:
            UsageError: an argument is not valid, there is no contrast, or the folder holds other files.
            UnavailableError: a judge cannot be had.
        """
        exporter = EXPORTERS.get(self.format)
        if isinstance(exporter, ConversationExporter):
            conversations = self.store.conversations(self.run.id)
            return Exported(None, write_conversations(conversations, exporter, self.out))
        if not isinstance(exporter, PairExporter):
            raise UsageError(f"format {self.format!r} exports neither pairs nor conversations")
        self.judges.check(self.settings)
        check_folder(self.out, exporter)  # before anything is judged
        pairs = await self._pairs(progress)
        if not pairs.contrasts:
            raise UsageError(
                f"run {self.run.id} has no contrast to export; `convexplain contrast {self.run.id}` looks for some"
            )
        if not pairs.pairs:
            return Exported(pairs, None)
        text = card(pairs, self.format, self.run.id, __version__)
        return Exported(pairs, write_pairs(pairs, exporter, self.out, text))

    async def _pairs(self, progress: Progress) -> Pairs:
        """The pairs. The first judge scores on the run's scale, the second one on its own."""
        rubrics = {rubric.id: rubric for rubric in chosen_rubrics(self.store, self.run, sorted(self.settings.rubrics))}
        chosen, opened = self.judges, list[BuiltJudge]()
        async with AsyncExitStack() as stack:
            common = (self.store, rubrics, stack, opened, progress)
            judge = run_judge(self.run) if chosen.first is None else chosen.first
            first = _PairJudge(judge, chosen.samples, self.run, *common)
            second = None if chosen.second is None else _PairJudge(chosen.second, None, None, *common)
            gates = PairGates(
                noise=lambda rubric: self._noise(first.built, rubrics[rubric]),
                rubrics=rubrics,
                second=None if second is None else second.ask,
                second_judge="" if chosen.second is None else judge_spec(chosen.second).public,
            )
            progress.begin("contrasts", contrast_count(self.store, ContrastFilters(self.run.id, found=False)))
            try:
                return await preference_pairs(self._contrasts(), first.ask, self.settings, progress.advance, gates)
            finally:
                progress.end()

    def _noise(self, built: BuiltJudge | None, rubric: Rubric) -> float | None:
        """The noise floor of the judge that has judged the pairs, and of the run's where none had to."""
        if built is None:
            return run_noise_floor(self.store, self.run, rubric)
        (measured,) = budget_rubrics(self.run, [rubric])
        key = floor_key(built.model, built.calibrations.get(rubric.id))
        return stored_noise_floor(self.store, key, measured, built.spec.samples)

    def _contrasts(self) -> Iterator[ReviewedContrast]:
        decisions = reviews(self.store, self.run.id)
        for number, conversation, contrast in numbered_contrasts(self.store, self.run.id):
            review = decisions.get(number)
            yield ReviewedContrast(
                number, conversation, contrast, review.decision if review else None, review.text if review else None
            )


def pair_judgements(store: RunStore, run: Run, settings: PairSettings, judges: PairJudges) -> int:
    """Return how many judgements the pairs of a run take at most: two for each contrast that may make a pair.

    Raises:
        UsageError: the run was not judged by a chosen rubric, or the second judge has nothing to do.
    """
    judges.check(settings)
    rubrics = tuple(rubric.id for rubric in chosen_rubrics(store, run, sorted(settings.rubrics)))
    accepted = contrast_count(store, ContrastFilters(run.id, rubrics, reviewed=("accept", "fix")))
    unreviewed = (
        contrast_count(store, ContrastFilters(run.id, rubrics, reviewed=("open",))) if settings.unreviewed else 0
    )
    return 2 * (accepted + unreviewed * (1 if judges.second is None else 2))
