"""Explainers: what attributes turns and looks for contrasts, from the names of judge, responder and infiller."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from convexplain.connectors.editors import EDITORS, EditorResources, open_editor
from convexplain.connectors.infillers import open_infiller
from convexplain.connectors.kinds import find_kind
from convexplain.connectors.models.language_model import LocalLanguageModel
from convexplain.connectors.phrase_parsers import open_phrases
from convexplain.connectors.scorers import ScalarizerKind, find_scalarizer
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.explain.attribution import NO_TARGET_IN_NEW_REPLIES, Attributor
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.measurement import TurnMeasure
from convexplain.explain.scalarizers import Scalarizer
from convexplain.explain.screening import Screen
from convexplain.judges.spec import JudgeSpec
from convexplain.models.calls import Calls
from convexplain.models.chat import Cache, Spend
from convexplain.models.editing import Editor, ScoredSentence
from convexplain.models.infilling import FillsByModel, Infiller
from convexplain.store import Run
from convexplain.types import Rubric

from .build import BuiltJudge, open_calls, open_judge
from .judge_arguments import JudgeLike, ModelLike, first_judge, judge_spec, opened_model
from .loaded_models import ModelUse


@dataclass(frozen=True, slots=True)
class Editing:
    """Settings of the editors and the screen of a search.

    Attributes:
        editors: names of editors or editors of one's own (prepared), where they propose texts; None = those at hand:
            `delete`; `swap` where there are sentences; `rewrite` where the judge's or the responder's model writes.
        sentences: sentences of other turns of the same logs.
        proposes: editors are needed.
        screens: texts that do not read well are refused.
        infiller: what fills the holes of the editor `infill`, where it is named without one.
    """

    editors: Sequence[str | Editor] | None = None
    sentences: Sequence[ScoredSentence] = ()
    proposes: bool = True
    screens: bool = True
    infiller: str | Infiller = "embedded"


@dataclass(frozen=True, slots=True)
class Explainers:
    """The models that explain turns, opened.

    Attributes:
        judge: the judge.
        responder: calls to the model under test, the judge's own where both are one model; None where there is none.
        infiller: fills holes; None where none was asked for.
        editors: propose texts; none where none were asked for.
        screen: says which edited texts read well.
        note: what a reader of contrasts should know of it; empty where there is nothing.
        writers: calls to models that only editors use.
    """

    judge: BuiltJudge
    responder: Calls | None
    infiller: Infiller | None
    editors: tuple[Editor, ...] = ()
    screen: Screen = field(default_factory=Screen)
    note: str = ""
    writers: tuple[Calls, ...] = ()

    @property
    def all_calls(self) -> list[Calls]:
        """Return the calls to each model, the judge's first."""
        responder = [self.responder] if self.responder and self.responder is not self.judge.calls else []
        return [*self.judge.all_calls, *responder, *self.writers]

    @property
    def spends(self) -> list[Spend]:
        """Return what each model has cost."""
        return [calls.spend for calls in self.all_calls]

    def finder(self) -> ContrastFinder:
        """Return what looks for contrasts with these models."""
        notes = [self.note] if self.note else []
        return ContrastFinder(self.judge.judge, self.infiller, self.responder, self.editors, self.screen, notes)

    def attributor(self, scalarizer: str = "judge", phrases: str = "rules") -> Attributor:
        """Return what attributes with these models.

        Args:
            scalarizer: what is attributed, a name out of `connectors.scorers.SCALARIZERS`.
            phrases: what says where phrases begin, one of `connectors.phrase_parsers.PHRASES`.

        Raises:
            UsageError: there is no such scalarizer or parser, or the scalarizer needs a responder.
            MissingExtraError, UnavailableError: the parser cannot be had.
        """
        measure = TurnMeasure(self.judge.judge, self.responder)
        return Attributor(measure, self.infiller, self._scalarizer(scalarizer), open_phrases(phrases))

    def _scalarizer(self, scalarizer: str) -> Callable[[], Scalarizer] | None:
        kind, target = check_scalarizer(scalarizer, self.responder is not None)
        return None if kind.make is None else kind.make(target, self.responder or self.judge.calls)


def check_scalarizer(name: str, responder: bool) -> tuple[ScalarizerKind, str]:
    """Return the kind of scalarizer that a name means, and its target.

    Raises:
        UsageError: there is no such scalarizer, or it needs a responder.
    """
    kind, target = find_scalarizer(name)
    if kind.needs_responder and not responder:
        raise UsageError(f"scalarizer {name!r} compares a responder's answers; name a responder")
    return kind, target


def check_target(scalarizer: str, responder: bool) -> None:
    """Check that a span of a reply can be attributed.

    Args:
        scalarizer: the name of what is attributed.
        responder: there is a responder.

    Raises:
        UsageError: the value is of new replies, in which the span may not be.
    """
    kind, _ = find_scalarizer(scalarizer)
    if kind.needs_responder:
        raise UsageError(
            f"a target is not valid with scalarizer {kind.name!r}, which compares new replies of the responder; valid "
            "are judge and logprob"
        )
    if kind.make is None and responder:
        raise UsageError(NO_TARGET_IN_NEW_REPLIES)


async def check_models(
    judge: JudgeLike | None = None,
    responder: ModelLike | None = None,
    *,
    infiller: str | Infiller | None = None,
    editors: Sequence[str | Editor] | None = None,
) -> None:
    """Check that models that are named are known; nothing is loaded or reached.

    Raises:
        UsageError, UnavailableError, MissingExtraError: there is no such model.
    """
    for model in (judge, responder):
        if isinstance(model, (str, JudgeSpec)):
            await opened_model(model).aclose()
    if isinstance(infiller, str):
        await open_infiller(infiller, None).aclose()
    for name in editors or ():
        if isinstance(name, str):
            find_kind(EDITORS, name)


@asynccontextmanager
async def open_filler(infiller: str | Infiller, cache: Cache | None = None) -> AsyncIterator[Infiller]:
    """Open a prepared infiller; one that was opened here is closed at the end, or its model stays loaded."""
    if not isinstance(infiller, str):
        await infiller.prepare()
        yield infiller
        return
    chosen = open_infiller(infiller, cache)
    if not isinstance(chosen, FillsByModel):
        filler_use = ModelUse(chosen)
        try:
            yield await filler_use.prepare()
        finally:
            await filler_use.aclose()
        return
    use = ModelUse(chosen.model)
    try:
        filler = chosen.using(await use.prepare())
        try:
            yield filler
        finally:
            await filler.aclose()
    finally:
        await use.aclose()


@asynccontextmanager
async def open_screen() -> AsyncIterator[tuple[Screen, str]]:
    """Open what says which texts read well, by the embedded model; without it by rules alone, with a note on that."""
    language_model = LocalLanguageModel()
    use = ModelUse(language_model.model)
    try:
        try:
            screen, note = Screen(language_model.using(await use.prepare())), ""
        except (MissingExtraError, UnavailableError) as error:
            screen, note = Screen(), f"whether edits read well was checked by rules alone: {error}"
        yield screen, note
    finally:
        await use.aclose()


async def open_editors(
    editing: Editing, resources: EditorResources, stack: AsyncExitStack, on_change: Callable[[], None] | None = None
) -> tuple[tuple[Editor, ...], tuple[Calls, ...]]:
    """Open and prepare editors; those that are opened here are closed with the stack.

    Args:
        editing: which editors.
        resources: what they use.
        stack: closes them.
        on_change: is called when one of their own models has cost something.

    Returns:
        The editors, and calls to chat models that were opened for them.
    """
    names = editing.editors
    if names is None:
        writes = resources.calls is not None
        names = ["delete", *(["swap"] if resources.sentences else []), *(["rewrite"] if writes else [])]
    editors: list[Editor] = []
    writers: list[Calls] = []
    for name in names:
        if not isinstance(name, str):
            editors.append(name)
            continue
        kind, target = find_kind(EDITORS, name)
        chosen, used = name, resources
        if kind.name == "rewrite" and target:
            writers.append(await stack.enter_async_context(open_calls(target, resources.cache, on_change)))
            chosen, used = kind.name, replace(resources, calls=writers[-1])
        elif kind.name == "infill" and (target or resources.infiller is None):
            filler = await stack.enter_async_context(open_filler(target or editing.infiller, resources.cache))
            chosen, used = kind.name, replace(resources, infiller=filler)
        editor = open_editor(chosen, used)
        stack.push_async_callback(editor.aclose)
        await editor.prepare()
        editors.append(editor)
    return tuple(editors), tuple(writers)


def _writer(*calls: Calls | None) -> Calls | None:
    """The first model that writes texts of its own."""
    return next((each for each in calls if each is not None and not getattr(each.model, "only_heads", False)), None)


@asynccontextmanager
async def open_explainers(
    judge: JudgeLike,
    responder: ModelLike | None,
    infiller: str | Infiller | None,
    *,
    editing: Editing | None = None,
    rubrics: Sequence[Rubric] = (),
    cache: Cache | None = None,
    run: Run | None = None,
    on_change: Callable[[], None] | None = None,
    **options: Any,
) -> AsyncIterator[Explainers]:
    """Open judge, responder and infiller; one model serves as judge and responder where both are the same.

    A second judge is left out: scores of two judges are not mixed in one explanation.

    Args:
        judge, rubrics, cache, run, on_change, options: as of `open_judge`.
        responder: the model under test; None where there is none.
        infiller: what fills holes; None where none is needed.
        editing: how texts of a search are made and looked at; None where none is made.
    """
    judge = first_judge(judge)
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(
            open_judge(judge, rubrics, cache=cache, run=run, on_change=on_change, **{**options, "reasons": "none"})
        )
        calls = None
        if responder is not None:
            shared = responder is judge or (isinstance(responder, str) and responder == _name(judge))
            calls = built.calls if shared else await stack.enter_async_context(open_calls(responder, cache, on_change))
        filler = None if infiller is None else await stack.enter_async_context(open_filler(infiller, cache))
        editors, writers = tuple[Editor, ...](), tuple[Calls, ...]()
        if editing is not None and editing.proposes:
            resources = EditorResources(_writer(built.calls, calls), filler, editing.sentences, cache=cache)
            editors, writers = await open_editors(editing, resources, stack, on_change)
        screens = editing is not None and editing.screens
        screen, note = await stack.enter_async_context(open_screen()) if screens else (Screen(), "")
        yield Explainers(built, calls, filler, editors, screen, note, writers)


def _name(judge: JudgeLike) -> str | None:
    if isinstance(judge, (str, JudgeSpec)):
        return judge_spec(judge).address
    return None
