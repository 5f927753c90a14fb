"""Judges on the reference set: what that costs, how it is done, and the results that are kept."""

import time
from collections.abc import Sequence
from typing import Any

from convexplain.analysis.plans import Plan
from convexplain.analysis.progress import Progress
from convexplain.judges.reference.measures import JudgeBenchmark, benchmark, check_labelled
from convexplain.judges.reference.reference_set import Half, reference_set
from convexplain.store import RunStore, keep_judge_agreement
from convexplain.types import Judgement, Rubric

from .build import BuiltJudge, open_judge
from .judge_arguments import JudgeLike
from .runs import memory_analysis, plan_analysis
from .trust import trust_keys

_FIRST = 10  # judgements after which the time of all is told
_SHORT = 10.0  # seconds that are not worth telling


async def benchmark_judge(
    store: RunStore | None,
    judge: JudgeLike,
    rubrics: Sequence[Rubric],
    half: Half,
    progress: Progress,
    **options: Any,
) -> JudgeBenchmark:
    """Judge one half of the reference set, measure the scores, and keep the result in the store.

    Args:
        store: keeps replies as soon as they are there, and the result; None keeps nothing.
        judge: the judge.
        rubrics: the maxims.
        half: the half of the set.
        progress: receives how far it is.
        options: fields of `JudgeSpec` that count instead of the judge's own; reasons are never asked for.

    Raises:
        UsageError: an argument is not valid.
        UnavailableError: the model cannot be had; replies that came are kept.
    """
    check_labelled(rubrics)
    log = reference_set(half)

    def spent() -> None:
        progress.spent(*built.spends)

    async with open_judge(judge, rubrics, cache=store, on_change=spent, **{**options, "reasons": "none"}) as built:
        pace = _Pace(built, len(log.turns) * len(rubrics), progress)
        progress.begin("judging", pace.total)
        try:
            judgements = await built.judge_all(
                log.conversations,
                lambda talk: [i for i, turn in enumerate(talk.turns) if turn.role == "assistant"],
                pace.judged,
            )
        finally:
            progress.end()
        key = trust_keys(built.fingerprint, built.settings)[0]
        result = benchmark(log, judgements, built.rubrics, half, built.model.name, key)
    for maxim in result.maxims:
        if store is not None and maxim.auc.value is not None:
            keep_judge_agreement(store, key, maxim.wording, half, maxim.to_dict())
    return result


async def plan_benchmark(
    store: RunStore, judge: JudgeLike, rubrics: Sequence[Rubric], half: Half, **options: Any
) -> Plan:
    """Return what `benchmark_judge` would ask, without asking anything.

    Raises:
        UsageError: an argument is not valid.
    """
    check_labelled(rubrics)
    analysis = memory_analysis(reference_set(half).conversations, rubrics)
    return await plan_analysis(store, analysis, judge, **{**options, "reasons": "none"})


class _Pace:
    """Counts judgements, and tells after the first ones that needed calls how long all will take.

    Args:
        built: the judge.
        total: how many judgements there will be.
        progress: receives them.
    """

    def __init__(self, built: BuiltJudge, total: int, progress: Progress) -> None:
        self.total = total
        self._built, self._progress = built, progress
        self._done = self._cached = 0
        self._began = time.monotonic()
        self._noted = False

    def judged(self, judgement: Judgement) -> None:
        """Count a judgement."""
        self._progress.judged(judgement)
        self._done += 1
        if not any(spend.calls for spend in self._built.spends):
            self._cached, self._began = self._done, time.monotonic()
            return
        measured, seconds = self._done - self._cached, time.monotonic() - self._began
        if self._noted or measured < _FIRST:
            return
        self._noted = True
        remaining = seconds / measured * (self.total - self._done)
        if remaining >= _SHORT:
            span = f"{remaining / 60:.0f} min" if remaining >= 120 else f"{remaining:.0f} s"
            self._progress.note(f"By the pace of the first {measured} judgements the rest takes about {span}.")
