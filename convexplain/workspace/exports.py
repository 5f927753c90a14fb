"""Exports of runs: contrasts as preference pairs for trainers, and conversations."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convexplain import __version__
from convexplain.analysis.pipeline import TurnJudge
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
from convexplain.explain.pairs import Pairs, PairSettings, ReviewedContrast, preference_pairs
from convexplain.store import Run, RunStore, numbered_contrasts, reviews
from convexplain.store.contrast_list import ContrastFilters, contrast_count
from convexplain.types import Conversation, Judgement

from .build import open_judge
from .judge_arguments import JudgeLike, run_judge
from .scales import scale_lost


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
            "contrasts_left_out": dict(pairs.left_out) if pairs else {},
        }


@dataclass(frozen=True, slots=True)
class Exporting:
    """An export of a run.

    Attributes:
        store, run: what is exported.
        format: a name out of `connectors.training.EXPORTERS`.
        out: the folder.
    """

    store: RunStore
    run: Run
    format: str
    out: Path

    async def write(
        self, settings: PairSettings, judge: JudgeLike | None, samples: int | None, progress: Progress
    ) -> Exported:
        """Write the pairs of the run's contrasts or the run's conversations, as the format says.

        Raises:
            UsageError: an argument is not valid, there is no contrast, or the folder holds other files.
            UnavailableError: the judge cannot be had.
        """
        exporter = EXPORTERS.get(self.format)
        if isinstance(exporter, ConversationExporter):
            conversations = self.store.conversations(self.run.id)
            return Exported(None, write_conversations(conversations, exporter, self.out))
        if not isinstance(exporter, PairExporter):
            raise UsageError(f"format {self.format!r} exports neither pairs nor conversations")
        check_folder(self.out, exporter)  # before anything is judged
        pairs = await self._pairs(settings, judge, samples, progress)
        if not pairs.contrasts:
            raise UsageError(
                f"run {self.run.id} has no contrast to export; `convexplain contrast {self.run.id}` looks for some"
            )
        if not pairs.pairs:
            return Exported(pairs, None)
        text = card(pairs, self.format, self.run.id, __version__)
        return Exported(pairs, write_pairs(pairs, exporter, self.out, text))

    async def _pairs(
        self, settings: PairSettings, judge: JudgeLike | None, samples: int | None, progress: Progress
    ) -> Pairs:
        """The pairs. The judge is opened when the first turn has to be judged; it scores on the run's scale."""
        rubrics = {rubric.id: rubric for rubric in chosen_rubrics(self.store, self.run, sorted(settings.rubrics))}
        opened: list[TurnJudge] = []
        async with AsyncExitStack() as stack:

            async def ask(conversation: Conversation, turn: int, rubric: str) -> Judgement:
                if not opened:  # weights are loaded only if something has to be judged
                    built = await stack.enter_async_context(
                        open_judge(
                            run_judge(self.run) if judge is None else judge,
                            cache=self.store,
                            run=self.run,
                            on_change=lambda: progress.spent(*built.spends),
                            samples=samples,
                        )
                    )
                    if lost := scale_lost(self.run, built.model, built.spec.samples):
                        progress.note(lost)
                    opened.append(built.judge)
                return await opened[0].judge_turn(conversation, turn, rubrics[rubric])

            progress.begin("contrasts", contrast_count(self.store, ContrastFilters(self.run.id, found=False)))
            try:
                return await preference_pairs(self._contrasts(), ask, settings, progress.advance)
            finally:
                progress.end()

    def _contrasts(self) -> Iterator[ReviewedContrast]:
        decisions = reviews(self.store, self.run.id)
        for number, conversation, contrast in numbered_contrasts(self.store, self.run.id):
            review = decisions.get(number)
            yield ReviewedContrast(
                number, conversation, contrast, review.decision if review else None, review.text if review else None
            )
