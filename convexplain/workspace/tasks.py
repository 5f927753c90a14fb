"""The ways to explain judged turns: an edit, an attribution, or the short answer that has both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from convexplain.connectors.phrase_parsers import open_phrases
from convexplain.explain.attribution import NOTHING_TO_ATTRIBUTE, check_conversation
from convexplain.explain.explanations import Attributions, Contrasts, Explainer, is_retryable
from convexplain.explain.settings import AttributionSettings, ContrastSettings
from convexplain.explain.unit_levels import most_calls
from convexplain.explain.wording import no_turn
from convexplain.store import RunStore, ScoredTurn, attribution_body, contrast_body
from convexplain.types import Attribution, Contrast, Conversation, Rubric, RubricScope

from .explainers import Explainers, check_scalarizer, check_target

T = TypeVar("T")

SHORT_ATTRIBUTION = AttributionSettings(levels=("turn", "sentence", "phrase"), budget=40)
SHORT_CONTRAST = ContrastSettings(question="revise", budget=40)
_LEAST_EDITS = 3  # evaluations that a search for an edit is begun with at least
_PER_PLACEBO = 3  # evaluations that are left for each placebo


class Task(Protocol[T]):
    """One way to explain turns.

    Attributes:
        nothing: why a turn cannot be explained that has no units.
        needs_infiller: whether it needs one.
        edits: the search's settings where texts are edited; None where none are.
    """

    @property
    def nothing(self) -> str: ...  # noqa: D102 - said above
    @property
    def needs_infiller(self) -> bool: ...  # noqa: D102
    @property
    def edits(self) -> ContrastSettings | None: ...  # noqa: D102

    @property
    def needs_noise(self) -> bool:
        """Return whether the judge's noise floor counts."""

    def resolved(self, responder: bool) -> "Task[T]":
        """Return the task as it is with or without a responder.

        Raises:
            UsageError: it needs a responder and there is none, or the other way round.
        """

    def check_rubric(self, rubric: Rubric) -> None:
        """Check that scores on a rubric can be explained so. Raises UsageError where they cannot."""

    def turns(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[int]:
        """Return the indices of the turns that are edited or attributed to, where a rubric's score is explained."""

    def most(self, turns: Sequence[ScoredTurn]) -> int:
        """Return how many calls that would take at most."""

    def explainer(self, store: RunStore, run: int, models: Explainers, noise: Mapping[str, float]) -> Explainer[T]:
        """Return what explains."""

    def bodies(self, result: T) -> list[Mapping[str, object]]:
        """Return an explanation as JSON values."""

    def failed(self, result: T) -> bool:
        """Return whether something could not be scored."""


@dataclass(frozen=True, slots=True)
class ContrastTask:
    """Look for edits that would have changed the scores.

    Attributes:
        settings: how.
        prior: look first where kept attributions point.
    """

    settings: ContrastSettings = field(default_factory=ContrastSettings)
    prior: bool = False

    @property
    def needs_infiller(self) -> bool:
        """Return whether holes are filled."""
        return not self.settings.proposes

    @property
    def edits(self) -> ContrastSettings:
        """Return how texts are edited."""
        return self.settings

    @property
    def nothing(self) -> str:
        """Return in words which turns are missing."""
        return f"nothing to edit: {no_turn(self.settings.editable)}"

    @property
    def needs_noise(self) -> bool:
        """Return whether delta is the noise floor, or a maxim is kept within it."""
        return self.settings.delta is None or bool(self.settings.keep)

    def resolved(self, responder: bool) -> "ContrastTask":
        """Return the task with the question that is asked. Raises UsageError where the responder does not fit it."""
        return replace(self, settings=self.settings.with_question(responder))

    def check_rubric(self, rubric: Rubric) -> None:
        """Check that no responder is to answer a turn of a judged conversation. Raises UsageError."""
        self.settings.for_rubric(rubric)

    def turns(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[int]:
        """Return the indices of the turns that may be edited."""
        return self.settings.turns(conversation, turn, rubric)

    def most(self, turns: Sequence[ScoredTurn]) -> int:
        """Return how many calls there are at most; what editors ask comes on top."""
        return len(turns) * self.settings.most_calls

    def explainer(self, store: RunStore, run: int, models: Explainers, noise: Mapping[str, float]) -> Contrasts:
        """Return what looks for contrasts."""
        rubrics = models.judge.rubrics
        maxims = rubrics[len(rubrics) - len(self.settings.keep) :]  # they come last
        return Contrasts(store, run, models.finder(), self.settings, _parts(models), noise, self.prior, maxims)

    def bodies(self, result: Contrast) -> list[Mapping[str, object]]:
        """Return the contrast."""
        return [contrast_body(result)]

    def failed(self, result: Contrast) -> bool:
        """Return whether a call failed."""
        return result.failed > 0 or is_retryable(result)


@dataclass(frozen=True, slots=True)
class AttributionTask:
    """Say which units raise or lower the scores.

    Attributes:
        settings: how.
        scalarizer: what is attributed, a name out of `connectors.scorers.SCALARIZERS`.
        phrases: what says where phrases begin.
        regenerated: a responder answers again, so that no logged reply is judged; `resolved` sets it.
    """

    settings: AttributionSettings = field(default_factory=AttributionSettings)
    scalarizer: str = "judge"
    phrases: str = "rules"
    regenerated: bool = False
    nothing = NOTHING_TO_ATTRIBUTE
    edits = None

    @property
    def needs_infiller(self) -> bool:
        """Return whether units are infilled."""
        return self.settings.perturb == "infill"

    @property
    def needs_noise(self) -> bool:
        """Return whether the judge's score is attributed."""
        return self.scalarizer == "judge"

    def resolved(self, responder: bool) -> "AttributionTask":
        """Return the task. Raises UsageError where the scalarizer is unknown, lacks a responder or has no targets."""
        check_scalarizer(self.scalarizer, responder)
        if self.settings.target is not None:
            check_target(self.scalarizer, responder)
        return replace(self, regenerated=responder)

    def check_rubric(self, rubric: Rubric) -> None:
        """Check that a judged conversation has neither a responder nor a target. Raises UsageError."""
        if rubric.of_conversation and self.scalarizer == "judge":
            check_conversation(rubric, responder=self.regenerated, target=self.settings.target is not None)

    def turns(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[int]:
        """Return the indices of the turns that are attributed to."""
        return self.settings.turns(conversation, turn, self._judges_reply, rubric if self._judges_reply else None)

    def most(self, turns: Sequence[ScoredTurn]) -> int:
        """Return how many perturbed conversations there are at most."""
        phrases, reply = open_phrases(self.phrases), self._judges_reply

        def most(turn: ScoredTurn) -> int:
            of_score = self.scalarizer == "judge"
            talk = turn.rubric.judged(turn.conversation, turn.turn) if of_score else turn.conversation.until(turn.turn)
            scope: RubricScope = turn.rubric.scope if of_score else "turn"
            return most_calls(talk, self.settings, reply=reply, phrases=phrases, scope=scope)

        return sum(map(most, turns))

    def explainer(self, store: RunStore, run: int, models: Explainers, noise: Mapping[str, float]) -> Attributions:
        """Return what attributes."""
        parts = {**_parts(models), "scalarizer": self.scalarizer, "phrases": self.phrases}
        attributor = models.attributor(self.scalarizer, self.phrases)
        return Attributions(store, run, attributor, self.settings, parts, noise)

    def bodies(self, result: list[Attribution]) -> list[Mapping[str, object]]:
        """Return one attribution for each level."""
        return [attribution_body(attribution) for attribution in result]

    def failed(self, result: list[Attribution]) -> bool:
        """Return whether a value could not be had."""
        return any(attribution.failed or attribution.full is None for attribution in result)

    @property
    def _judges_reply(self) -> bool:
        """Return whether the logged reply is judged, so that its parts are units."""
        return self.scalarizer == "judge" and not self.regenerated


ShortAnswer = tuple[list[Attribution], Contrast | None]
"""The attributions of a turn, the coarsest level first, and its contrast where one was looked for."""


@dataclass(frozen=True, slots=True)
class ShortTask:
    """Say in short why a turn has its score: which words and turns matter, and which edit would change it.

    Attributes:
        attribution: how turns are attributed.
        contrast: how an edit is looked for; None looks for none.
        total: evaluations of a turn at most, those of the attribution and of the edit together: the edit has what the
            attribution has left; None = both have their own budgets.
    """

    attribution: AttributionSettings = SHORT_ATTRIBUTION
    contrast: ContrastSettings | None = SHORT_CONTRAST
    total: int | None = None
    nothing = "nothing to attribute to or to edit"
    needs_noise = True

    @property
    def needs_infiller(self) -> bool:
        """Return whether holes are filled."""
        return self.attribution.perturb == "infill" or (self.contrast is not None and not self.contrast.proposes)

    @property
    def edits(self) -> ContrastSettings | None:
        """Return how texts are edited; None where no edit is looked for."""
        return self.contrast

    def resolved(self, responder: bool) -> "ShortTask":
        """Return the task with the question that is asked. Raises UsageError where the responder does not fit it."""
        return self if self.contrast is None else replace(self, contrast=self.contrast.with_question(responder))

    def check_rubric(self, rubric: Rubric) -> None:
        """Check that scores on a rubric can be explained: all can."""

    def turns(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[int]:
        """Return the indices of the turns that are attributed to, and that of the turn itself."""
        return sorted({*self.attribution.turns(conversation, turn, rubric=rubric), turn})

    def most(self, turns: Sequence[ScoredTurn]) -> int:
        """Return how many calls there are at most."""
        edits = 0 if self.contrast is None else ContrastTask(self.contrast).most(turns)
        most = AttributionTask(self.attribution).most(turns) + edits
        return most if self.total is None else min(most, self.total * len(turns))

    def explainer(self, store: RunStore, run: int, models: Explainers, noise: Mapping[str, float]) -> "ShortAnswers":
        """Return what explains."""
        attributions = AttributionTask(self.attribution).explainer(store, run, models, noise)
        if self.contrast is None:
            return ShortAnswers(attributions, None)
        contrasts = ContrastTask(self.contrast, prior=True).explainer(store, run, models, noise)
        return ShortAnswers(attributions, contrasts, self.total)

    def bodies(self, result: ShortAnswer) -> list[Mapping[str, object]]:
        """Return one attribution for each level, and the contrast."""
        attributions, contrast = result
        bodies: list[Mapping[str, object]] = [attribution_body(attribution) for attribution in attributions]
        return bodies + ([] if contrast is None else [contrast_body(contrast)])

    def failed(self, result: ShortAnswer) -> bool:
        """Return whether something could not be scored."""
        attributions, contrast = result
        return any(attribution.failed or attribution.full is None for attribution in attributions) or (
            contrast is not None and (contrast.failed > 0 or is_retryable(contrast))
        )


FINDING_TASK = ShortTask(replace(SHORT_ATTRIBUTION, budget=16), SHORT_CONTRAST, total=24)
"""How `analyze` explains the worst turns: by 24 evaluations each at most."""


@dataclass(frozen=True, slots=True)
class ShortAnswers:
    """Attributes turns, and looks for contrasts of them.

    Attributes:
        attributions: attributes.
        contrasts: looks for contrasts; None where none are wanted.
        total: as of `ShortTask`.
    """

    attributions: Attributions
    contrasts: Contrasts | None
    total: int | None = None

    def stored(self, turn: ScoredTurn) -> ShortAnswer | None:
        """Return the kept answer; None where a part of it is not there."""
        attributions = self.attributions.stored(turn)
        if attributions is None:
            return None
        contrasts = self._search_after(attributions)
        contrast = None if contrasts is None else contrasts.stored(turn)
        return None if contrasts is not None and contrast is None else (attributions, contrast)

    async def find(self, turn: ScoredTurn) -> ShortAnswer:
        """Explain the turn and keep what is not kept yet.

        Raises:
            UnavailableError: a model is gone.
        """
        attributions = self.attributions.stored(turn) or await self.attributions.find(turn)
        contrasts = self._search_after(attributions)
        if contrasts is None:
            return attributions, None
        return attributions, contrasts.stored(turn) or await contrasts.find(turn)

    def _search_after(self, attributions: Sequence[Attribution]) -> Contrasts | None:
        """Return the search with the evaluations that an attribution has left; None where they are too few."""
        if self.contrasts is None or self.total is None:
            return self.contrasts
        settings = self.contrasts.settings
        remaining = self.total - sum(level.calls for level in attributions)
        placebo = min(settings.placebo, remaining // _PER_PLACEBO)
        budget = min(settings.budget, remaining - placebo)
        if budget < _LEAST_EDITS:
            return None
        return replace(self.contrasts, settings=replace(settings, budget=budget, placebo=placebo))


def _parts(models: Explainers) -> dict[str, object]:
    """Return what decides scores and fills, for the key of a kept explanation."""
    calibrated = {rubric: entry.sha for rubric, entry in models.judge.calibrations.items()}
    return {
        **({"calibrated": calibrated} if calibrated else {}),
        "judge": models.judge.fingerprint,
        "samples": models.judge.spec.samples,
        "responder": models.responder.model.fingerprint if models.responder else None,
        "infiller": models.infiller.fingerprint if models.infiller else None,
        **({"editors": [editor.fingerprint for editor in models.editors]} if models.editors else {}),
        **({"screen": models.screen.fingerprint} if models.screen.fingerprint else {}),
    }
