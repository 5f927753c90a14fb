"""Two runs side by side for their page: verdicts, and the turns whose scores moved, with the texts around them."""

from dataclasses import dataclass

from convexplain.analysis.comparison import Direction
from convexplain.errors import UsageError
from convexplain.store import RunStore
from convexplain.store.themes import stored_themes, theme_search
from convexplain.text.diffs import TextChange, word_diff
from convexplain.workspace import ChangedTurn, ChangedTurns, RunComparison, Workspace
from convexplain.workspace.theme_changes import ThemeChanges

_ALIKE = 0.3  # share of unchanged characters from which word differences are marked


@dataclass(frozen=True, slots=True)
class SideTexts:
    """A turn in two runs, text beside text.

    Attributes:
        question, question_after: the user turn before it in each run.
        reply, reply_after: the runs of words in each run: removed ones in the first, added ones in the second.
        marked: the word differences are marked; texts that have little in common are shown as they are.
    """

    question: str
    question_after: str
    reply: tuple[TextChange, ...]
    reply_after: tuple[TextChange, ...]
    marked: bool


def compared_runs(store: RunStore, first: int, second: int, trust: str) -> RunComparison | str:
    """Return the comparison of two runs without turns; a sentence where they cannot be compared.

    Args:
        store: the run store.
        first, second: the runs' numbers.
        trust: the trust in the runs' judges in words, so that a stored answer is not used when it has changed.
    """
    try:
        return Workspace(store).compare(first, second, turns=0)
    except UsageError as error:
        return str(error)


def moved_turns(
    store: RunStore, first: int, second: int, rubric: str, direction: Direction, limit: int, offset: int
) -> ChangedTurns:
    """Return a page of the turns whose scores moved by more than the judges' noise, the largest movement first."""
    return Workspace(store).changed_turns(first, second, rubric, direction, limit=limit, offset=offset)


def one_turn(store: RunStore, first: int, second: int, rubric: str, place: tuple[int, int]) -> ChangedTurn | None:
    """Return a turn of both runs, however far it moved; None where they have not both judged it."""
    turns = Workspace(store).changed_turns(first, second, rubric, "all", place=place).turns
    return turns[0] if turns else None


def changed_themes(store: RunStore, first: int, second: int, state: str) -> ThemeChanges:
    """Return how the themes of two runs changed, or why they cannot be compared.

    Args:
        store: the run store.
        first, second: the runs' numbers.
        state: `theme_state`, so that a stored answer is not used after an edit.
    """
    return Workspace(store).compare_themes(first, second)


def theme_state(store: RunStore, *runs: int) -> str:
    """Return what changes whenever the themes of runs are found again or edited."""
    themes = [stored for run in runs for stored in stored_themes(store, run)]
    states = [(stored.number, stored.theme.name, stored.theme.pinned, len(stored.theme.members)) for stored in themes]
    searches = [theme_search(store, run) for run in runs]
    return f"{[None if search is None else search.basis for search in searches]} {states}"


def side_texts(turn: ChangedTurn) -> SideTexts:
    """Return the texts of a turn in both runs, with the user turns before them."""
    changes = word_diff(turn.text_before, turn.text_after)
    same = sum(len(change.text) for change in changes if change.kind == "same")
    marked = same >= _ALIKE * max(len(turn.text_before), len(turn.text_after))
    if not marked:
        changes = [TextChange("removed", turn.text_before), TextChange("added", turn.text_after)]
    return SideTexts(
        _question(turn, after=False),
        _question(turn, after=True),
        tuple(change for change in changes if change.kind != "added"),
        tuple(change for change in changes if change.kind != "removed"),
        marked,
    )


def _question(turn: ChangedTurn, *, after: bool) -> str:
    scored = turn.after if after else turn.before
    earlier = scored.conversation.turns[: scored.turn]
    return next((before.content for before in reversed(earlier) if before.role == "user"), "")
