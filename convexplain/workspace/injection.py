"""Judges under injected text: how it is measured, and the resistance that is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convexplain.analysis.progress import Progress
from convexplain.judges.injection import (
    CANDIDATES,
    PLACES,
    InjectionResistance,
    bad_turns,
    injection_resistance,
)
from convexplain.judges.injection_texts import INJECTED_TEXTS, TEXTS_SHA, injected_texts, read_texts
from convexplain.judges.reference.measures import check_labelled, wording_of
from convexplain.store import RunStore, keep_judge_agreement
from convexplain.types import Rubric

from .build import open_judge
from .judge_arguments import JudgeLike
from .trust import INJECTION, trust_keys

__all__ = ["InjectionCheck", "InjectionPlan", "InjectionResistance", "check_injection", "plan_injection"]


@dataclass(frozen=True, slots=True)
class InjectionCheck:
    """The resistance of a judge to injected text.

    Attributes:
        judge: its name.
        shipped: against the texts that ship with convexplain, one for each maxim.
        own: against the user's own texts, likewise; empty without any.
        second_prompt: whether a second prompt was asked too, whose disagreements are warnings.
    """

    judge: str
    shipped: tuple[InjectionResistance, ...]
    own: tuple[InjectionResistance, ...]
    second_prompt: bool

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class InjectionPlan:
    """The judgements that an injection check takes at most.

    Attributes:
        judge: the judge, as it was named.
        texts: texts that ship, and texts of the user's own.
        judgements: judgements at most; each takes one call, two with a second prompt, or as many as there are samples.
    """

    judge: str
    texts: int
    judgements: int


async def check_injection(
    store: RunStore | None,
    judge: JudgeLike,
    rubrics: Sequence[Rubric],
    texts: Path | None,
    progress: Progress,
    **options: Any,
) -> InjectionCheck:
    """Measure how well a judge resists texts that ask for its best label, and keep that in the store.

    Args:
        store: keeps replies as soon as they are there, and the result; None keeps nothing.
        judge: the judge.
        rubrics: the maxims.
        texts: a file with texts of the user's own, as of `judges.injection_texts.read_texts`; None for none.
        progress: receives how far it is.
        options: fields of `JudgeSpec` that count instead of the judge's own; reasons are never asked for.

    Raises:
        UsageError: an argument is not valid.
        UnavailableError: the model cannot be had; replies that came are kept.
    """
    check_labelled(rubrics)
    own_texts = {} if texts is None else read_texts(texts)
    shipped, own = list[InjectionResistance](), list[InjectionResistance]()
    async with open_judge(judge, rubrics, cache=store, **{**options, "reasons": "none"}) as built:
        progress.begin("judging", _judgements(len(own_texts)) * len(built.rubrics))
        key = trust_keys(built.fingerprint, built.settings)[0]

        async def measure(rubric: Rubric, chosen: Mapping[str, str]) -> InjectionResistance:
            turns, filled = bad_turns(rubric), injected_texts(rubric, chosen)
            return await injection_resistance(built.judge, built.model.name, rubric, turns, filled, progress.judged)

        try:
            for rubric in built.rubrics:
                shipped.append(await measure(rubric, INJECTED_TEXTS))
                if store is not None and shipped[-1].resistance.value is not None:
                    body = {**shipped[-1].to_dict(), "texts_sha": TEXTS_SHA, "threshold": rubric.threshold}
                    keep_judge_agreement(store, key, wording_of(rubric), INJECTION, body)
                if own_texts:
                    own.append(await measure(rubric, own_texts))
        finally:
            progress.end()
        return InjectionCheck(built.model.name, tuple(shipped), tuple(own), built.spec.second_prompt)


def plan_injection(judge: str, rubrics: Sequence[Rubric], texts: Path | None) -> InjectionPlan:
    """Return what `check_injection` takes at most, without asking anything.

    Raises:
        UsageError: the reference set has no labels on a maxim, or the file of texts is not valid.
    """
    check_labelled(rubrics)
    own = 0 if texts is None else len(read_texts(texts))
    return InjectionPlan(judge, len(INJECTED_TEXTS) + own, _judgements(own) * len(rubrics))


def _judgements(own: int) -> int:
    """Return the judgements of one maxim: turns without any text, and with each text at each place."""
    return CANDIDATES + (len(INJECTED_TEXTS) + own) * len(PLACES)
