"""The gates that a pair passes before it is trained on though nobody has reviewed it.

The margin goes beyond the judge's noise, fresh measurements held it, the edited turn reads as well as the logged one,
the chosen turn keeps the facts of the conversation, and a second judge, where there is one, prefers the same turn.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from convexplain.types import Contrast, Conversation, Judgement, Rubric

from .facts import fact_conflict
from .measurement import ASSUMED_NOISE
from .pair_forms import Alternatives
from .screening import NATURALNESS_FLOOR, Screen

Ask = Callable[[Conversation, int, str], Awaitable[Judgement]]
"""Judges a turn on the rubric of that id, in its conversation; always the same judge."""

WITHIN_NOISE = "the margin is within the noise of the judge"
NOT_HELD = "fresh measurements did not hold it"
UNCHECKED = "the edit was not checked for naturalness"
UNNATURAL = "the edited turn reads worse than the logged one"
REFUSED_TEXT = "the edited turn repeats itself, quotes the instruction or breaks its form"
WRONG_FACTS = "a fact of the conversation is missing, changed or made up"
SECOND_UNSCORED = "the second judge has no score"
SECOND_OTHER_WAY = "the second judge does not prefer the same turn"

HELD_SHARE = 0.8  # of the fresh measurements of a contrast: how many have to hold
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class GateCheck:
    """The outcome of one gate.

    Attributes:
        name: says what holds where the gate is passed.
        passed: None where it is not known before a judge is asked.
        remark: what was measured, or what is wrong; empty where there is nothing to say.
        refusal: the reason by which an export counts what it leaves out; empty where the gate is passed.
    """

    name: str
    passed: bool | None
    remark: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class PairGates:
    """Measures of unreviewed pairs.

    Attributes:
        noise: returns the judge's noise floor on a rubric, in [0, 1]; None where it was not measured, and
            `ASSUMED_NOISE` stands for it.
        rubrics: the rubrics of the contrasts, by id.
        second: the second judge; None asks none.
        second_judge: its name.
    """

    noise: Callable[[str], float | None] = lambda rubric: None
    rubrics: Mapping[str, Rubric] = field(default_factory=dict)
    second: Ask | None = None
    second_judge: str = ""

    async def early_refusal(self, contrast: Contrast, forms: Alternatives) -> str:
        """Return the reason why the pair is refused, as far as it shows before any judge is asked; else empty."""
        async for check in self._early_checks(contrast, forms):
            return check.refusal
        return ""

    async def checks(self, contrast: Contrast, forms: Alternatives) -> list[GateCheck]:
        """Return the outcome of each gate that needs no judge, in the order of `early_refusal`, and of the margin."""
        floor = self.noise(contrast.rubric)
        noise = (
            f"noise of the judge {ASSUMED_NOISE:.2f}, assumed" if floor is None else f"noise of the judge {floor:.2f}"
        )
        margin = GateCheck("the margin goes beyond the noise of the judge", None, noise)
        if forms.scores is not None:
            difference = abs(forms.scores[1] - forms.scores[0])
            passed = difference >= (ASSUMED_NOISE if floor is None else floor) - _ROUNDING
            margin = GateCheck(margin.name, passed, f"margin {difference:.2f}, {noise}", "" if passed else WITHIN_NOISE)
        return [*[check async for check in self._early_checks(contrast, forms, every=True)], margin]

    async def _early_checks(
        self, contrast: Contrast, forms: Alternatives, *, every: bool = False
    ) -> AsyncIterator[GateCheck]:
        """Yield the gates that are not passed, or every gate; the next one is checked when it is asked for."""
        held = contrast.fresh_held >= HELD_SHARE * contrast.fresh_draws
        measured = f"{contrast.fresh_held} of {contrast.fresh_draws}" if contrast.fresh_draws else "none was made"
        if every or not held:
            yield GateCheck("fresh measurements do not contradict it", held, measured, "" if held else NOT_HELD)
        natural = contrast.naturalness
        refusal = UNCHECKED if natural is None else UNNATURAL if natural < NATURALNESS_FLOOR else ""
        if every or refusal:
            figure = (
                f"naturalness {natural:+.2f}, at least {NATURALNESS_FLOOR}" if natural is not None else "not measured"
            )
            remark = figure.replace("-", "−")
            yield GateCheck("the edited turn reads about as well as the logged one", not refusal, remark, refusal)
        before, after = (forms.ending(turn).turns for turn in (forms.before, forms.after))
        (screening,) = await Screen().screen(before, [after], self.rubrics[contrast.rubric])
        if every or screening.refusal:
            refusal = REFUSED_TEXT if screening.refusal else ""
            yield GateCheck("the text is in order", not screening.refusal, screening.refusal, refusal)
        # What was logged is no invention, so where it is the better form it counts as context.
        context = [turn.content for turn in (*forms.prompt, *(() if forms.rises else (forms.before,)))]
        conflict = fact_conflict(context, forms.worse.content, forms.better.content)
        if every or conflict:
            yield GateCheck("the facts are kept", not conflict, conflict, WRONG_FACTS if conflict else "")

    async def refusal(self, contrast: Contrast, forms: Alternatives, margin: float) -> str:
        """Return the reason why the pair is refused, by its margin and by the second judge; empty where it is not."""
        floor = self.noise(contrast.rubric)
        if margin < (ASSUMED_NOISE if floor is None else floor) - _ROUNDING:
            return WITHIN_NOISE
        if self.second is None:
            return ""
        worse = await self.second(forms.ending(forms.worse), forms.place, contrast.rubric)
        better = await self.second(forms.ending(forms.better), forms.place, contrast.rubric)
        if worse.score is None or better.score is None:
            return SECOND_UNSCORED
        return "" if better.score > worse.score else SECOND_OTHER_WAY
