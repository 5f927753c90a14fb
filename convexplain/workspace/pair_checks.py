"""The checks that a contrast has to pass to leave as a training pair that nobody has reviewed."""

from dataclasses import asdict, dataclass
from typing import Any

from convexplain.explain.pair_forms import ReviewedContrast, forms_of
from convexplain.explain.pair_gates import GateCheck, PairGates
from convexplain.store import RunStore, run_rubrics
from convexplain.store.contrast_list import contrast_run, find_contrast

from .scales import run_noise_floor


@dataclass(frozen=True, slots=True)
class PairCheck:
    """The gates of a contrast as a training pair.

    Attributes:
        contrast: the contrast's number in the store.
        refusal: why it makes no pair, whoever accepts it; empty where it may make one.
        gates: the gates that an unreviewed pair passes; empty where it makes no pair.
        noise: the noise floor of the run's judge on the maxim, in [0, 1]; None where it was not measured.
    """

    contrast: int
    refusal: str
    gates: tuple[GateCheck, ...]
    noise: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


async def check_pair(store: RunStore, number: int) -> PairCheck:
    """Return the gates of a contrast, as `AsyncWorkspace.check_pair` does."""
    _, conversation, contrast = find_contrast(store, number)
    run = store.run(contrast_run(store, number))
    rubrics = {rubric.id: rubric for rubric in run_rubrics(store, run.id)}
    noise = run_noise_floor(store, run, rubrics[contrast.rubric])
    forms = forms_of(ReviewedContrast(number, conversation, contrast), unreviewed=True, final_answers=False)
    if isinstance(forms, str):
        return PairCheck(number, forms, (), noise)
    gates = PairGates(noise=lambda _: noise, rubrics=rubrics)
    return PairCheck(number, "", tuple(await gates.checks(contrast, forms)), noise)
