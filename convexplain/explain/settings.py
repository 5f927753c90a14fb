"""The settings of contrast searches and of attributions, checked when they are made."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict, get_args

from convexplain.errors import UsageError
from convexplain.search import ATTRIBUTION_METHODS, CONTRAST_SEARCHES
from convexplain.search.confirmation import PROBES
from convexplain.search.registry import check_search_options
from convexplain.search.similarity import Similarity, check_similarity
from convexplain.text.segmentation import segment
from convexplain.types import LEVELS, Attribution, Conversation, Goal, Level, Question, Rubric

from .pareto import MOST_POINTS
from .targets import Target, check_target, target_span

EditableTurns = Literal["assistant", "user", "all"] | Sequence[int]
Perturb = Literal["remove", "placeholder", "infill"]


class ContrastOptions(TypedDict, total=False):
    """Fields of `ContrastSettings`, as keyword arguments."""

    goal: Goal
    delta: float | None
    budget: int
    search: str
    question: Question | None
    editable: EditableTurns
    split_k: int | None
    prior: Sequence[float] | Sequence[Attribution] | None
    minimise: bool
    seed: int
    alpha: float
    radius: int | None
    similarity: Similarity
    any_text: bool
    placebo: int
    keep: Sequence[str | Rubric]
    pareto: bool


@dataclass(frozen=True, slots=True)
class ContrastSettings:
    """The settings of a search for a contrast.

    Attributes:
        goal: `cross` the rubric's threshold, or `improve` or `worsen` the score.
        delta: by how much; None with `cross` takes the judge's noise floor.
        budget: edited contexts that are sent to responder or judge at most; with `keep` one more than there are kept
            maxims at least, so that an edit can be judged on all of them.
        search: a name of `search.CONTRAST_SEARCHES`.
        question: `revise` the judged turn itself; `regenerate` it by the responder after edits of earlier turns; or
            `rescore` the logged turn after them. None = `revise` without a responder, `regenerate` with one. A judged
            conversation is always rescored.
        editable: which turns may be edited otherwise: the earlier turns of the assistant, of the user, or all of these;
            or the indices of turns. Of a judged conversation they may be any turns.
        split_k: words in a unit, of searches that fill holes; None = 1, and more in very long texts.
        prior: how likely each unit matters, up to a factor (for searches that fill holes); or the turn's attributions,
            which say where to look first.
        minimise: after a crossing, look for one with fewer edits.
        seed: the same seed gives the same result.
        alpha: share of earlier candidates among the seeds of `cell_budget`, in [0, 1].
        radius: `cell_budget` edits only units at most so many places away from an edited one; None = anywhere.
        similarity: which of several contrasts is the smallest: the one with the fewest edits (`edits`), or the one
            whose text has the highest sentence BLEU (`bleu`) or ROUGE-L (`rouge`) with the text before.
        any_text: accept texts that do not read well, or that change facts.
        placebo: edits elsewhere about as large that are measured for a contrast, besides the budget; 0 = none.
        keep: maxims that an edit must not lower by more than the judge's noise: ids, or rubrics of one's own; a text
            with commas is taken apart.
        pareto: list the edits that trade the maxim for a kept one also where a contrast lowers none.
    """

    goal: Goal = "cross"
    delta: float | None = None
    budget: int = 50
    search: str = "natural"
    question: Question | None = None
    editable: EditableTurns = "assistant"
    split_k: int | None = None
    prior: Sequence[float] | Sequence[Attribution] | None = None
    minimise: bool = True
    seed: int = 0
    alpha: float = 0.5
    radius: int | None = None
    similarity: Similarity = "edits"
    any_text: bool = False
    placebo: int = 5
    keep: Sequence[str | Rubric] = ()
    pareto: bool = False

    def __post_init__(self) -> None:
        names = self.keep.split(",") if isinstance(self.keep, str) else self.keep
        keep = tuple(name.strip() if isinstance(name, str) else name for name in names)
        object.__setattr__(self, "keep", keep)
        if self.pareto and not self.keep:
            raise UsageError("pareto=True needs keep: the maxims that the changed one is weighed against")
        if self.goal not in get_args(Goal):
            raise UsageError(f"goal={self.goal!r} is not valid; valid are: {', '.join(get_args(Goal))}")
        if self.goal != "cross" and not self.delta:
            raise UsageError(f"goal={self.goal!r} needs a delta: by how much the score is to change, in (0, 1]")
        if self.delta is not None and not 0 <= self.delta <= 1:
            raise UsageError(f"delta={self.delta} is not valid; it must be in [0, 1]")
        CONTRAST_SEARCHES.get(self.search)
        if self.question is not None and self.question not in get_args(Question):
            raise UsageError(f"question={self.question!r} is not valid; valid are: {', '.join(get_args(Question))}")
        check_search_options(self.search, self.alpha, self.radius)
        check_similarity(self.similarity)
        if self.seed < 0:
            raise UsageError(f"seed={self.seed} is not valid; it must be at least 0")
        if self.budget < 1:
            raise UsageError(f"budget={self.budget} is not valid; it must be at least 1")
        if self.budget < (price := 1 + len(self.keep)):
            raise UsageError(
                f"budget={self.budget} is too small to try an edit: with keep, an edit takes a call for the maxim that"
                f" is to change, and one for each of the {len(self.keep)} kept; the budget must be at least {price}"
            )
        if self.placebo < 0:
            raise UsageError(f"placebo={self.placebo} is not valid; it must be at least 0")

    def with_question(self, responder: bool) -> "ContrastSettings":
        """Return the settings with the question that is asked with or without a responder.

        Raises:
            UsageError: the question needs a responder, or has no use for one.
        """
        if self.question is None:
            return replace(self, question="regenerate" if responder else "revise")
        if self.question == "regenerate" and not responder:
            raise UsageError("question='regenerate' needs a responder: the model that answers edited conversations")
        if self.question != "regenerate" and responder:
            raise UsageError(f"question={self.question!r} asks no responder: no turn is answered again; leave it out")
        return self

    def for_rubric(self, rubric: Rubric) -> "ContrastSettings":
        """Return the settings of a search on a rubric: of conversations, logged turns are edited and scored.

        Raises:
            UsageError: the rubric is of conversations, and a responder is to answer.
        """
        if not rubric.of_conversation:
            return self
        if self.question == "regenerate":
            raise UsageError(
                f"question='regenerate' is not valid with {rubric.id}, which judges conversations: the responder would "
                "answer one turn anew, and what follows would not fit. Leave the responder out: logged turns are edited"
            )
        return replace(self, question="rescore")

    @property
    def most_calls(self) -> int:
        """Return how many calls a search makes at most.

        These are the budget, the placebos and, on each kept maxim, the edits for the list of trade-offs and the
        unchanged turn, which is judged more than once where its answer or its judgements are sampled.
        """
        unchanged = 1 + min(PROBES, self.budget - 1)
        return self.budget + self.placebo * (1 + len(self.keep)) + (MOST_POINTS + unchanged) * len(self.keep)

    @property
    def proposes(self) -> bool:
        """Return whether editors propose texts; else an infiller fills holes."""
        return CONTRAST_SEARCHES.get(self.search).proposes

    def turns(self, conversation: Conversation, turn: int, rubric: Rubric | None = None) -> list[int]:
        """Return the indices of the turns that may be edited; on a rubric of conversations the last one may be, too.

        Raises:
            UsageError: `editable` names a turn that is not before the judged one, or not in the judged conversation.
        """
        if rubric is not None and rubric.of_conversation:
            return replace(self, question="rescore").turns(conversation, len(conversation.turns))
        if self.question in (None, "revise"):
            return [turn]
        if isinstance(self.editable, str):
            roles = {"assistant": ("assistant",), "user": ("user",), "all": ("assistant", "user")}.get(self.editable)
            if roles is None:
                raise UsageError(
                    f"editable={self.editable!r} is not valid; valid are: assistant, user, all, or indices"
                )
            return [i for i, before in enumerate(conversation.turns[:turn]) if before.role in roles]
        if wrong := [i for i in self.editable if not 0 <= i < turn]:
            raise UsageError(f"editable={wrong} is not valid; the turns before turn {turn} are 0 to {turn - 1}")
        return sorted(set(self.editable))


class AttributionOptions(TypedDict, total=False):
    """Fields of `AttributionSettings`, as keyword arguments."""

    method: str
    levels: Sequence[Level]
    budget: int | None
    top: int
    share: float | None
    k: int
    perturb: Perturb
    seed: int
    mixed: bool
    target: Target | None


@dataclass(frozen=True, slots=True)
class AttributionSettings:
    """The settings of an attribution of a turn.

    A judged reply is attributed to as well, in units that are finer than a turn.

    Attributes:
        method: a name of `search.ATTRIBUTION_METHODS`.
        levels: from coarse to fine; of each level after the first only the parts of the top units are attributed to.
        budget: perturbed conversations that are evaluated at most, all levels together; 3 for each unit unless given.
        top: units of a level that are refined at most.
        share: instead of `top`: as many units as have that share of all that speaks for the turn's side, in (0, 1].
        k: `joint` only: units that are removed together.
        perturb: `remove` units, put a `placeholder` in their places, or `infill` them (three fills, averaged).
        seed: the same seed gives the same result.
        mixed: attribute to the parts of the top units together with the undivided units, in one ranking; needs two
            levels or more.
        target: explain this span of the reply in the place of the reply: a text that occurs once in it, or its first
            character and its end; None explains the reply.
    """

    method: str = "clime"
    levels: tuple[Level, ...] = ("turn", "sentence", "phrase")
    budget: int | None = None
    top: int = 2
    share: float | None = None
    k: int = 3
    perturb: Perturb = "remove"
    seed: int = 0
    mixed: bool = False
    target: Target | None = None

    def __post_init__(self) -> None:
        ATTRIBUTION_METHODS.get(self.method)
        order = [LEVELS.index(level) if level in LEVELS else -1 for level in self.levels]
        if not order or -1 in order or order != sorted(set(order)):
            raise UsageError(
                f"levels={self.levels!r} is not valid; valid are levels out of {', '.join(LEVELS)}, from coarse to fine"
            )
        if self.mixed and len(order) == 1:
            raise UsageError(f"mixed=True is not valid with levels={self.levels!r}: it needs two levels or more")
        if self.target is not None:
            check_target(self.target)
        if self.perturb not in get_args(Perturb):
            raise UsageError(f"perturb={self.perturb!r} is not valid; valid are: {', '.join(get_args(Perturb))}")
        for name, value in (("budget", self.budget), ("top", self.top), ("k", self.k)):
            if value is not None and value < 1:
                raise UsageError(f"{name}={value} is not valid; it must be at least 1")
        if self.share is not None and not 0 < self.share <= 1:
            raise UsageError(f"share={self.share} is not valid; it must be in (0, 1]")
        if self.seed < 0:
            raise UsageError(f"seed={self.seed} is not valid; it must be at least 0")

    def turns(
        self, conversation: Conversation, turn: int, reply: bool = True, rubric: Rubric | None = None
    ) -> list[int]:
        """Return the indices of the turns that are attributed to.

        Args:
            conversation: the conversation.
            turn: the index of the judged turn.
            reply: the logged reply is judged: it is attributed to, where it has several parts; of it the target alone,
                where there is one.
            rubric: the maxim; on one of conversations all turns are attributed to.

        Raises:
            UsageError: the reply does not contain the target.
        """
        of_conversation = rubric is not None and rubric.of_conversation
        before_turns = conversation.turns if of_conversation else conversation.turns[:turn]
        indices = [i for i, before in enumerate(before_turns) if before.content.strip()]
        if of_conversation:
            return indices
        text = conversation.turns[turn].content
        if self.target is not None:
            text = text[slice(*target_span(text, self.target))]
        divided = reply and self.levels != ("turn",) and len(segment(text, "word")) > 1
        return [*indices, turn] if divided else indices
