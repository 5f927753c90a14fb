"""The two ways in which `convexplain explain` explains: by contrasts and by attributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rich.console import Console

from convexplain.cli.show.attributions import NOTHING_BEFORE, show_attributions
from convexplain.cli.show.contrasts import no_turn, show_contrast
from convexplain.connectors.parsers import open_phrases
from convexplain.explain.attribution import AttributionSettings, most_calls
from convexplain.explain.contrasts import Settings
from convexplain.explain.explanations import Attributions, Contrasts, Explainer, may_go_better
from convexplain.explain.scalarizers import FILLS
from convexplain.explain.wording import counted
from convexplain.judges.heads import judged_by
from convexplain.store import ScoredTurn, attribution_body, contrast_body
from convexplain.types import Attribution, Contrast
from convexplain.workspace.build import Opened

from .order import Order, noise_floors

T = TypeVar("T")


class Task(Protocol[T]):
    """One way to explain turns.

    Attributes:
        file: name of the file that the explanations are written to.
        settings: how.
        nothing: why a turn cannot be explained that has nothing before it.
    """

    @property
    def file(self) -> str: ...  # noqa: D102 - said above
    @property
    def nothing(self) -> str: ...  # noqa: D102
    @property
    def settings(self) -> Settings | AttributionSettings: ...  # noqa: D102

    def most(self, turns: Sequence[ScoredTurn]) -> str:
        """How much would be asked at most, in words."""

    async def explainer(self, order: Order, models: Opened, notes: Console) -> Explainer[T]:
        """What explains."""

    def show(self, console: Console, turn: ScoredTurn, found: T) -> None:
        """One explanation."""

    def bodies(self, found: T) -> list[Mapping[str, object]]:
        """The lines of the file that an explanation makes."""

    def summary(self, found: Sequence[T], turns: int) -> str:
        """What came of all of them."""

    def failed(self, found: T) -> bool:
        """Whether something could not be scored."""


@dataclass(frozen=True, slots=True)
class ContrastTask:
    """What would have changed the scores; with `attributed`, looked for first where kept attributions point."""

    settings: Settings
    attributed: bool = False
    file = "contrasts.jsonl"

    @property
    def nothing(self) -> str:
        """Which turns are missing."""
        return f"nothing to edit: {no_turn(self.settings)}"

    def most(self, turns: Sequence[ScoredTurn]) -> str:
        """How many edited contexts."""
        count, budget = len(turns), self.settings.budget
        return f"at most {count * budget} edited contexts ({count} x {budget})"

    async def explainer(self, order: Order, models: Opened, notes: Console) -> Contrasts:
        """Looks for contrasts."""
        noise = await noise_floors(order, models, notes, needed=self.settings.delta is None)
        finder = models.finder(order.samples, order.calibrations(models.judge.model))
        parts = _parts(order, models)
        return Contrasts(order.store, order.run.id, finder, self.settings, parts, noise, self.attributed)

    def show(self, console: Console, turn: ScoredTurn, found: Contrast) -> None:
        """The edits as a word diff."""
        show_contrast(console, turn, found, self.settings)

    def bodies(self, found: Contrast) -> list[Mapping[str, object]]:
        """The contrast."""
        return [contrast_body(found)]

    def summary(self, found: Sequence[Contrast], turns: int) -> str:
        """How many were found."""
        return f"{counted(sum(contrast.found for contrast in found), 'contrast')} for {counted(turns, 'turn')}"

    def failed(self, found: Contrast) -> bool:
        """Whether a call failed."""
        return found.failed > 0 or may_go_better(found)


@dataclass(frozen=True, slots=True)
class AttributionTask:
    """What the scores hang on, or what another scalarizer makes of the turns."""

    settings: AttributionSettings
    scalarizer: str = "judge"
    phrases: str = "rules"
    file = "attributions.jsonl"
    nothing = NOTHING_BEFORE

    def most(self, turns: Sequence[ScoredTurn]) -> str:
        """How many perturbed conversations."""
        phrases = open_phrases(self.phrases)
        total = sum(most_calls(turn.conversation.until(turn.turn), self.settings, phrases) for turn in turns)
        each = f", each with up to {FILLS} fills" if self.settings.perturb == "infill" else ""
        return f"at most {total} perturbed conversations{each}"

    async def explainer(self, order: Order, models: Opened, notes: Console) -> Attributions:
        """Attributes."""
        calibrations = order.calibrations(models.judge.model)
        attributor = models.attributor(order.samples, self.scalarizer, self.phrases, calibrations)
        noise = await noise_floors(order, models, notes, needed=self.scalarizer == "judge")
        parts = {**_parts(order, models), "scalarizer": self.scalarizer, "phrases": self.phrases}
        return Attributions(order.store, order.run.id, attributor, self.settings, parts, noise)

    def show(self, console: Console, turn: ScoredTurn, found: list[Attribution]) -> None:
        """The conversation with a bar for each turn."""
        show_attributions(console, turn.conversation, found, turn.rubric.threshold)

    def bodies(self, found: list[Attribution]) -> list[Mapping[str, object]]:
        """One line a level."""
        return [attribution_body(one) for one in found]

    def summary(self, found: Sequence[list[Attribution]], turns: int) -> str:
        """How many turns have an attribution."""
        done = sum(any(one.full is not None and one.units for one in levels) for levels in found)
        return f"{done} of {counted(turns, 'turn')} attributed"

    def failed(self, found: list[Attribution]) -> bool:
        """Whether a value could not be had."""
        return any(one.failed or one.full is None for one in found)


def _parts(order: Order, models: Opened) -> dict[str, object]:
    """What scores and fills hang on."""
    calibrated = {name: one.sha for name, one in order.calibrations(models.judge.model).items()}
    return {
        **({"calibrated": calibrated} if calibrated else {}),
        "judge": judged_by(models.judge.model),
        "samples": order.samples,
        "responder": models.responder.model.fingerprint if models.responder else None,
        "infiller": models.infiller.fingerprint if models.infiller else None,
    }
