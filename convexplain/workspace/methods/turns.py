"""Single conversations: judged, contrasted and attributed without a run."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cached_property
from typing import Any, TypeVar, Unpack

from convexplain.analysis.pipeline import Turns, turns_to_judge
from convexplain.errors import UsageError
from convexplain.explain.attribution import judged_part
from convexplain.explain.kept_maxims import KeptMaxim
from convexplain.explain.measurement import ASSUMED_NOISE
from convexplain.explain.settings import AttributionOptions, AttributionSettings, ContrastOptions, ContrastSettings
from convexplain.explain.targets import target_span
from convexplain.judges.check import ModelCheck, check_model
from convexplain.judges.spec import JudgeOptions
from convexplain.models.chat import MemoryCache
from convexplain.models.editing import Editor
from convexplain.models.infilling import Infiller
from convexplain.rubrics import HEADLINE
from convexplain.store import Run, noise_floor
from convexplain.types import Attribution, Contrast, Conversation

from ..build import BuiltJudge, open_judge
from ..edited_pairs import keep_edit
from ..explainers import check_target, open_explainers
from ..explanations import ExplanationModels
from ..inputs import (
    ConversationLike,
    ConversationsLike,
    RubricLike,
    RunLike,
    conversation_of,
    conversations_of,
    kept_rubrics,
    rubrics_of,
)
from ..judge_arguments import JudgeLike, ModelLike, judges_of, opened_model
from ..judge_defaults import default_judge, judge_or_default
from ..loaded_models import LOADED
from ..results import Judgements
from ..scales import floor_key
from ..trust import judge_trust
from ..what_if import ScoreChange, WhatIf, with_texts
from .base import StoreMethods, check_turns

S = TypeVar("S", AttributionSettings, ContrastSettings)


class TurnMethods(StoreMethods):
    """Single conversations: judged, contrasted and attributed without a run."""

    async def check_model(self, model: ModelLike) -> ModelCheck:
        """Ask a model a few questions: does it answer, with log-probabilities, and how fast?

        Raises:
            ModelError: it cannot be had, or does not answer.
        """
        return await check_model(opened_model(model))

    async def release_models(self) -> None:
        """Close the local models that stay loaded in this process and that no call uses; their memory is freed."""
        await LOADED.close_idle()

    async def judge(
        self,
        conversation: ConversationsLike,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        judge: JudgeLike | Sequence[JudgeLike] | None = None,
        turns: Turns = "all",
        **options: Unpack[JudgeOptions],
    ) -> Judgements:
        """Judge the assistant turns of conversations. No run is made; replies are kept in the store.

        Args:
            conversation: a Conversation, its turns, messages (LangChain's too), a list of conversations, or a pandas
                DataFrame.
            rubrics: rubrics, ids of shipped ones, or paths of YAML files; one or several.
            judge: a judge as `analyze` takes it, or a list of judges; None takes the default one.
            turns: `all` assistant turns or the `last` one.
            options: fields of `JudgeSpec` that count instead of the judge's own.

        Returns:
            A judgement for each judge, rubric and judged turn (on a rubric of conversations one at the last assistant
            turn), in that order. `score` is in [0, 1], 1 = the requirement
            is satisfied, None = unscored with `reason` saying why; `model` says which judge.

        Raises:
            UsageError, RubricError: an argument is not valid.
            UnavailableError: a model cannot be had.
        """
        talks = conversations_of(conversation)
        check_turns(turns)
        chosen = rubrics_of(rubrics)
        judgements = Judgements()
        for each in judges_of(default_judge().spec if judge is None else judge):
            async with open_judge(each, chosen, cache=self.cache, **options) as built:
                judgements += await built.judge_all(talks, lambda talk: turns_to_judge(talk, turns))
        return judgements

    async def what_if(
        self,
        conversation: ConversationLike,
        turn: int,
        text: str | None = None,
        rubrics: RubricLike | Sequence[RubricLike] = HEADLINE,
        judge: JudgeLike | None = None,
        *,
        edits: Mapping[int, str] | None = None,
        run: Run | None = None,
    ) -> WhatIf:
        """Judge a turn as it is, and after edits of it or of turns before it, on all rubrics at once. No run is made.

        Args:
            conversation: a Conversation, its turns, or messages.
            turn: 0-based index of the judged turn, an assistant's; negative ones count from the end.
            text: stands in the turn's place; None leaves the turn as it is.
            rubrics, judge: as of `judge`; on rubrics of conversations the conversation is judged, to its end.
            edits: texts that stand in the place of turns, by their indices: of the judged turn or of earlier ones.
            run: score on the scale of this run: by the calibrations that it was judged with, without a second judge.

        Returns:
            The judgements before and after, without reasons in words, and the change on each rubric.

        Raises:
            UsageError, RubricError: an argument is not valid.
            UnavailableError: a model cannot be had.
        """
        talk, chosen = conversation_of(conversation), rubrics_of(rubrics)
        place = _position(talk, turn)
        texts = {_position(talk, index): words for index, words in (edits or {}).items()}
        if text is not None:
            if place in texts:
                raise UsageError(f"text and edits both edit turn {place}; give its words once")
            texts[place] = text
        if not texts:
            raise UsageError("text=None without edits is not valid; give the turn's new words, or edits of turns")
        original = talk if any(rubric.of_conversation for rubric in chosen) else talk.until(place)
        edited = with_texts(talk, place, texts)
        cache = self.cache if self.cache is not None else self._replies
        async with open_judge(judge_or_default(judge), chosen, cache=cache, run=run, reasons="none") as built:
            judgements = await built.judge_all([talk, edited], lambda _: [place])
            floors, trusts = self._floors(built), judge_trust(self.cache, built, built.rubrics)
        scores = zip(built.rubrics, judgements[::2], judgements[1::2], trusts, strict=True)
        changes = tuple(ScoreChange(*change, floors.get(change[0].id)) for change in scores)
        return WhatIf(original, place, edited.turns[place].content, changes, texts)

    async def keep_edit(
        self, run: RunLike, edit: WhatIf, rubric: str, reviewer: str, conversation: int | None = None
    ) -> int:
        """Keep a person's edit of a judged turn as a contrast of a run, accepted by this person as a training pair.

        Args:
            run: the run's number or name; it has judged the turn.
            edit: the edit with its scores; only the judged turn is edited.
            rubric: the id of the maxim on which the two texts are a pair.
            reviewer: the person's name.
            conversation: the conversation's number in the store; None takes the run's first conversation of that id.

        Returns:
            The contrast's number in the store.

        Raises:
            StoreError: there is no such run.
            UsageError: another turn is edited, a score is missing or does not tell which text is better, or the run did
                not judge the turn.
        """
        return keep_edit(self.store, self.store.run(run), edit, rubric, reviewer, conversation)

    async def contrast(
        self,
        conversation: ConversationLike,
        turn: int,
        rubric: RubricLike,
        judge: JudgeLike | None = None,
        responder: ModelLike | None = None,
        infiller: str | Infiller = "embedded",
        editors: Sequence[str | Editor] | None = None,
        *,
        settings: ContrastSettings = ContrastSettings(),
        samples: int | None = None,
        **changes: Unpack[ContrastOptions],
    ) -> Contrast:
        """Look for the smallest edit that would have changed how a turn is judged.

        Without a responder the turn's own text is edited (`revise`); with one, earlier turns are, and the turn is
        answered anew to each edited context (`regenerate`). `question="rescore"` keeps the logged turn, and edits
        earlier ones.

        Args:
            conversation: a Conversation, its turns, or messages.
            turn: 0-based index of the judged turn, an assistant's; negative ones count from the end.
            rubric: a rubric, the id of a shipped one, or the path of a YAML file.
            judge: a judge as `judge` takes it.
            responder: the model under test, named or given likewise; when it is the judge's, one model serves as both.
            infiller: what fills holes, for searches that edit single words and for the editor `infill`: `embedded`,
                another infiller's name, or one of your own (prepared).
            editors: what proposes texts, for searches over proposals: `delete`, `rewrite`, `rewrite:MODEL`, `infill`,
                `infill:INFILLER`, or editors of your own (prepared); None takes those at hand: `delete`, and `rewrite`
                where the judge's or the responder's model writes.
            settings: how contrasts are looked for.
            samples: average that many sampled replies of the judge.
            changes: fields of `ContrastSettings` that count instead of those in `settings`. `keep=["harm"]` finds an
                edit that does not lower these maxims by more than the judge's noise.

        Returns:
            The contrast, or with `found` False the largest movement; `stopped` says why the search ended.

        Raises:
            UsageError, RubricError: an argument is not valid.
            UnavailableError: a model cannot be had.
        """
        how = _changed(settings, changes)
        how = how.with_question(responder is not None)
        talk, chosen = conversation_of(conversation), rubrics_of(rubric)[0]
        maxims = kept_rubrics(how.keep, [chosen])
        async with open_explainers(
            judge_or_default(judge),
            responder,
            None if how.proposes else infiller,
            editing=ExplanationModels(None, infiller, editors).editing(how),
            rubrics=[chosen, *maxims],
            cache=self.cache,
            samples=samples,
        ) as models:
            scaled = models.judge.rubrics[0]
            floors = self._floors(models.judge)
            keep = [KeptMaxim(maxim, floors.get(maxim.id, ASSUMED_NOISE)) for maxim in models.judge.rubrics[1:]]
            place = _position(talk, turn)
            return await models.finder().find(talk, place, scaled, how, floors.get(scaled.id), maxims=keep)

    async def attribute(
        self,
        conversation: ConversationLike,
        turn: int,
        rubric: RubricLike,
        judge: JudgeLike | None = None,
        responder: ModelLike | None = None,
        infiller: str | Infiller = "embedded",
        *,
        settings: AttributionSettings = AttributionSettings(),
        scalarizer: str = "judge",
        phrases: str = "rules",
        samples: int | None = None,
        **changes: Unpack[AttributionOptions],
    ) -> list[Attribution]:
        """Return which parts of a reply, and of the turns before it, raise or lower its score.

        Args:
            conversation, turn, rubric, judge, infiller, samples: as of `contrast`.
            responder: the model under test: it answers each perturbed conversation anew; None keeps the logged answer.
            settings: how the turn is attributed.
            scalarizer: what is attributed: the `judge`'s score; `logprob`, the log-probability of the logged answer by
                the responder or else the judge's model; or how like its first answer the responder's new one is:
                `bertscore`, `bartscore`, `summary` or `nli`, each also as `NAME:REPO_OR_FOLDER`.
            phrases: what says where phrases begin: `rules`, or `spacy:PIPELINE` for a parser that is installed.
            changes: fields of `AttributionSettings` that count instead of those in `settings`. `target` explains a span
                of the reply (a claim, a sentence) in the place of the reply; `mixed` ranks units of several levels.

        Returns:
            One attribution for each level, the coarsest first; `scores` are on the log-odds of *satisfied* (positive =
            the unit raises the score) where the judge gives label probabilities, else on the score itself, or on the
            scale of the scalarizer.

        Raises:
            UsageError, RubricError: an argument is not valid, or the reply does not contain the target.
            UnavailableError: a model cannot be had.
        """
        how = _changed(settings, changes)
        talk, chosen = conversation_of(conversation), rubrics_of(rubric)[0]
        if how.target is not None:  # refused before a model is opened
            check_target(scalarizer, responder is not None)
            target_span(judged_part(talk, _position(talk, turn)).turns[-1].content, how.target)
        filler = infiller if how.perturb == "infill" else None
        async with open_explainers(
            judge_or_default(judge), responder, filler, rubrics=[chosen], cache=self.cache, samples=samples
        ) as models:
            (scaled,) = models.judge.rubrics
            attributor = models.attributor(scalarizer, phrases)
            return await attributor.attribute(talk, _position(talk, turn), scaled, how, self._floor(models.judge))

    def _floor(self, judge: BuiltJudge) -> float | None:
        """The judge's noise floor on its only rubric, on the scale of its scores; None where it was not measured."""
        (rubric,) = judge.rubrics
        return self._floors(judge).get(rubric.id)

    def _floors(self, judge: BuiltJudge) -> dict[str, float]:
        """The judge's noise floors, by the ids of its rubrics, where they were measured."""
        if self.cache is None:
            return {}
        keys = {rubric.id: floor_key(judge.model, judge.calibrations.get(rubric.id)) for rubric in judge.rubrics}
        floors = {
            rubric.id: noise_floor(self.cache, keys[rubric.id], rubric, judge.spec.samples) for rubric in judge.rubrics
        }
        return {rubric: floor for rubric, floor in floors.items() if floor is not None}

    @cached_property
    def _replies(self) -> MemoryCache:
        """Replies of a workspace that keeps nothing: so the unchanged turn is not judged again for each text."""
        return MemoryCache()


def _changed(settings: S, changes: Mapping[str, Any]) -> S:
    """The settings with some fields changed."""
    valid = [field.name for field in fields(settings)]
    if unknown := [name for name in changes if name not in valid]:
        raise UsageError(f"{unknown[0]}={changes[unknown[0]]!r} is not known; valid are: {', '.join(valid)}")
    values: dict[str, Any] = {name: tuple(value) if name == "levels" else value for name, value in changes.items()}
    return replace(settings, **values)


def _position(conversation: Conversation, turn: int) -> int:
    """The turn's index; negative ones count from the end."""
    length = len(conversation.turns)
    return turn + length if -length <= turn < 0 else turn
