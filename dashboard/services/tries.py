"""Edits that a person tries on a conversation: scored on all maxims in the background, and kept as reviewed pairs.

The work is done in threads of the server, whose local models stay loaded: the first edit waits for the model, later
ones only for their own words.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from convexplain.errors import ConvexplainError
from convexplain.store import RunStore
from convexplain.text.visible import one_line
from convexplain.types import Rubric
from convexplain.workspace import WhatIf, Workspace
from convexplain.workspace.judge_arguments import run_judge
from convexplain.workspace.triage import reviewer_name

from .audit import record, recorded, reviewer_of
from .conversation import ConversationView
from .model_choices import check_run_judge
from .people import check_right

_QUOTED = 60  # characters of a text that are quoted
_AT_ONCE = threading.BoundedSemaphore(4)  # edits that are scored at the same time, for all visitors


@dataclass(frozen=True, slots=True)
class Try:
    """An edit of a conversation whose scores are there or will be.

    Attributes:
        turn: the index of the judged turn.
        edits: the texts in the place of turns, by their indices.
        scores: comes to be the scores before and after.
    """

    turn: int
    edits: Mapping[int, str]
    scores: "Future[WhatIf]" = field(compare=False)

    def result(self, seconds: float = 0.0) -> WhatIf | None:
        """Return the scores, waiting so many seconds for them at most; None where they are not there or failed."""
        try:
            return self.scores.result(seconds)
        except Exception:  # noqa: BLE001 - `problem` says which
            return None

    @property
    def problem(self) -> str:
        """Return why there are no scores; empty where there are, or where they are still to come."""
        error = self.scores.exception() if self.scores.done() else None
        if error is None:
            return ""
        return str(error) if isinstance(error, ConvexplainError) else f"The judge failed: {type(error).__name__}."


def judged_by_edit(view: ConversationView, place: int, selected: int, rubric: str) -> int | None:
    """Return the index of the turn that is judged again when a turn is edited; None where no judged turn depends on it.

    It is the selected turn, or, of turns after it, the turn itself or the next one that was judged on the maxim.
    """
    if place <= selected:
        return selected
    return next((turn for turn in view.judged if turn >= place and (turn, rubric) in view.judgements), None)


def start_try(store: RunStore, view: ConversationView, turn: int, edits: Mapping[int, str], rubric: str) -> Try:
    """Start to score an edit by the run's judge, on all maxims that the turn was judged on.

    Args:
        store: the run store, which keeps the judge's replies.
        view: the conversation.
        turn: the index of the judged turn.
        edits: the texts in the place of turns.
        rubric: the selected maxim, whose judge is asked where the run had several.

    Raises:
        UsageError: the run's judge may not be asked by visitors of the dashboard, or not by this person.
    """
    person = check_right("run models")
    run = store.run(view.run)
    check_run_judge(store, run)
    judge = run_judge(run, view.judgements[turn, rubric].model)
    rubrics = [maxim for maxim in view.rubrics if (turn, maxim.id) in view.judgements]
    workspace, texts = Workspace(store), dict(edits)

    def score() -> WhatIf:
        return workspace.what_if(view.conversation, turn, rubrics=rubrics, judge=judge, edits=texts, run=run)

    if any(view.conversation.turns[place].content != text for place, text in texts.items()):
        place = {"run": view.run, "conversation": view.number, "turn": turn, "edited": sorted(texts)}
        record(store, person.name, "score an edit", **place)
    return Try(turn, texts, _in_thread(score))


def keep_pair(store: RunStore, view: ConversationView, result: WhatIf, rubric: Rubric, name: str) -> int:
    """Keep an edit of the judged turn as a pair that this person has accepted; return the contrast's number.

    Raises:
        UsageError: the name is not valid, or the edit makes no pair.
    """
    with recorded(store, "label", "keep an edit as a pair", run=view.run) as details:
        reviewer = reviewer_name(reviewer_of(name))
        details["contrast"] = Workspace(store).keep_edit(view.run, result, rubric.id, reviewer, view.number)
    return int(details["contrast"])


def _in_thread(work: Callable[[], WhatIf]) -> "Future[WhatIf]":
    """Run work in a thread that does not keep the server from ending."""
    outcome: Future[WhatIf] = Future()

    def run() -> None:
        with _AT_ONCE:
            try:
                outcome.set_result(work())
            except BaseException as error:  # noqa: BLE001 - the page shows it
                outcome.set_exception(error)

    threading.Thread(target=run, name="convexplain-edit", daemon=True).start()
    return outcome


def summary(edits: Mapping[int, str]) -> str:
    """Return which turns an edit changes, and how their texts begin."""
    return "; ".join(f"turn {turn}: “{_beginning(text)}”" for turn, text in sorted(edits.items()))


def _beginning(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
