"""The public functions, and the place where the parts are put together for Python."""

import asyncio
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from convexplain.connectors.logs import read_log
from convexplain.connectors.models import open_model
from convexplain.judges import Judge
from convexplain.rubrics import HEADLINE, load_rubric

from .calls import Calls
from .errors import UsageError
from .models import Cache, ChatModel
from .pipeline import Turns, turns_to_judge
from .types import ROLES, Conversation, Judgement, Role, Rubric, Turn

__all__ = ["ajudge", "judge", "load_rubric", "read_log"]

OneRubric = str | Path | Rubric
Rubrics = OneRubric | Iterable[OneRubric]
Talk = Conversation | Sequence[Turn] | Sequence[Mapping[str, Any]]


async def ajudge(
    conversation: Talk,
    rubrics: Rubrics = HEADLINE,
    model: str | ChatModel = "embedded",
    turns: Turns = "all",
    *,
    samples: int | None = None,
    explain: bool = False,
    cache: Cache | None = None,
) -> list[Judgement]:
    """Judges the assistant turns of one conversation.

    Args:
        conversation: a Conversation, or its turns: `Turn` objects or mappings with `role` and `content`.
        rubrics: rubrics, ids of shipped ones, or paths of YAML files; one or several.
        model: what `--judge` takes on the command line, or a model of your own, prepared (it is not closed).
        turns: `all` assistant turns or the `last` one.
        samples: average that many sampled replies; None reads label probabilities where the model gives them.
        explain: ask for a reason in words (one more call a judgement).
        cache: where replies are kept, e.g. a `RunStore`; for this call only unless told.

    Returns:
        One judgement for each judged turn and rubric: rubrics in the order given, turns in theirs. `score` is in
        [0, 1], 1 = the requirement is satisfied, None = unscored with `reason` saying why.

    Raises:
        UsageError, RubricError: an argument cannot be meant.
        UnavailableError: the model cannot be had.
    """
    talk = _conversation(conversation)
    if turns not in ("all", "last"):
        raise UsageError(f"turns={turns!r} is not valid; valid are: 'all', 'last'")
    if samples is not None and samples < 1:
        raise UsageError(f"samples={samples} is not valid; it must be at least 1")
    wanted = [item if isinstance(item, Rubric) else load_rubric(item) for item in _several(rubrics)]
    chosen = open_model(model) if isinstance(model, str) else model
    try:
        await chosen.prepare()
        async with Calls(chosen, cache) as calls:
            one = Judge(calls, samples=samples, explain=explain)
            places = [(turn, rubric) for rubric in wanted for turn in turns_to_judge(talk, turns)]
            return list(await asyncio.gather(*(one.judge_turn(talk, turn, rubric) for turn, rubric in places)))
    finally:
        if chosen is not model:
            await chosen.aclose()


def judge(
    conversation: Talk,
    rubrics: Rubrics = HEADLINE,
    model: str | ChatModel = "embedded",
    turns: Turns = "all",
    *,
    samples: int | None = None,
    explain: bool = False,
    cache: Cache | None = None,
) -> list[Judgement]:
    """As `ajudge`, for callers without an event loop; inside one (a notebook) it works too, and blocks it meanwhile."""
    work = ajudge(conversation, rubrics, model, turns, samples=samples, explain=explain, cache=cache)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return cast("list[Judgement]", outcome[0])


def _several(rubrics: Rubrics) -> list[OneRubric]:
    return [rubrics] if isinstance(rubrics, (str, Path, Rubric)) else list(rubrics)


def _conversation(talk: Talk) -> Conversation:
    if isinstance(talk, Conversation):
        return talk
    turns: list[Turn] = []
    for i, turn in enumerate(talk):
        if isinstance(turn, Turn):
            turns.append(turn)
        else:
            message: Mapping[str, Any] = turn if isinstance(turn, Mapping) else {}
            role, content = message.get("role"), message.get("content")
            if role not in ROLES or not isinstance(content, str):
                raise UsageError(
                    f"conversation[{i}] must have a 'role' out of {', '.join(ROLES)} and a 'content' that is a string; "
                    f"got role={role!r}, content of type {type(content).__name__}"
                )
            turns.append(Turn(cast("Role", role), content))
    return Conversation("conversation", tuple(turns))
