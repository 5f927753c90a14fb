"""Names of themes by a chat model."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from convexplain.analysis.progress import Progress
from convexplain.analysis.themes.naming import name_request, read_name
from convexplain.analysis.themes.theme import FlaggedTurn, Place, Theme, Themes
from convexplain.errors import ModelError
from convexplain.judges.fence import defuse
from convexplain.judges.spec import JudgeSpec
from convexplain.models.calls import Calls
from convexplain.models.chat import Message, Request
from convexplain.store import Run, RunStore
from convexplain.types import sha256_json

from .build import open_judge
from .judge_arguments import JudgeLike, judge_spec, run_judge

_TOKENS = 60  # of a reply


async def with_model_names(
    store: RunStore,
    run: Run,
    themes: Themes,
    turns: Sequence[FlaggedTurn],
    judge: JudgeLike | None,
    progress: Progress,
) -> Themes:
    """Return themes with the names that the judge's model gives them, where it writes texts at all.

    Pinned themes keep their names, and so does a theme that the model does not name in the form that is asked for.

    Args:
        store: where replies are cached.
        run: the run.
        themes: the themes.
        turns: the turns that may be members.
        judge: the judge; None takes that of the run.
        progress: is told of what was spent.

    Raises:
        UnavailableError: the model cannot be had.
    """
    by_place = {turn.place: turn for turn in turns}
    chosen = run_judge(run) if judge is None else judge
    alone = judge_spec(chosen).model_alone() if isinstance(chosen, (str, JudgeSpec)) else chosen  # no second judge
    async with open_judge(alone, cache=store) as built:
        if getattr(built.model, "only_heads", False):
            return themes
        progress.begin("naming themes", len(themes.themes))
        try:
            named = await asyncio.gather(*(_named(built.calls, theme, by_place, progress) for theme in themes.themes))
        finally:
            progress.end()
    return replace(themes, themes=tuple(named))


async def _named(calls: Calls, theme: Theme, by_place: Mapping[Place, FlaggedTurn], progress: Progress) -> Theme:
    members = [by_place[member.number, member.turn] for member in theme.members]
    if theme.pinned is not None:
        return theme
    fence = f"=== {sha256_json([turn.reply for turn in members])[:12]} ==="
    text = defuse(name_request(members, fence))
    try:
        reply = await calls.ask(Request((Message("user", text),), max_tokens=_TOKENS))
    except ModelError as error:
        progress.note(f"! a theme keeps the name of its phrases, since the model refused: {error}")
        return theme
    finally:
        progress.advance()
    name = read_name(reply.text)
    return theme if name is None else replace(theme, name=name)
