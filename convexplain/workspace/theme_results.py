"""Themes as people see them: with typical turns, and what is known of them in sentences."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from convexplain.analysis.themes.theme import LowScores, Theme
from convexplain.explain.wording import counted
from convexplain.report.trust_marks import TrustMark
from convexplain.store import ScoredTurn
from convexplain.store.themes import ThemeSearch
from convexplain.text.visible import one_line

from .results import data_frame
from .theme_advice import theme_advice


@dataclass(frozen=True, slots=True)
class ThemeTurn:
    """A turn of a theme.

    Attributes:
        judged: the turn with the lowest score by which it is flagged.
        mark: the trust in the judge on that maxim.
        headline: the sentence that says first why it has its score.
    """

    judged: ScoredTurn
    mark: TrustMark
    headline: str

    @property
    def reply(self) -> str:
        """Return the turn's text."""
        return self.judged.conversation.turns[self.judged.turn].content

    def to_dict(self) -> dict[str, Any]:
        """Return where the turn is, its score, headline and text."""
        return {
            "conversation_id": self.judged.conversation.id,
            "number": self.judged.number,
            "turn": self.judged.turn,
            "rubric": self.judged.rubric.id,
            "score": self.judged.score,
            "trust": self.mark.word,
            "headline": self.headline,
            "content": self.reply,
        }


@dataclass(frozen=True, slots=True)
class RunTheme:
    """A theme of a run as people see it.

    Attributes:
        number: its number in the store, by which commands name it.
        run: the run's number.
        theme: the theme.
        typical: its most typical turns.
    """

    number: int
    run: int
    theme: Theme
    typical: tuple[ThemeTurn, ...] = ()

    @property
    def count(self) -> int:
        """Return the number of its turns."""
        return len(self.theme.members)

    @property
    def advice(self) -> str:
        """Return one sentence that says what to do about it."""
        return theme_advice(self.theme)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        body = asdict(self.theme)
        body["members"] = [asdict(member) for member in self.theme.members]
        typical = [turn.to_dict() for turn in self.typical]
        return {"number": self.number, "run": self.run, "count": self.count, **body, "typical": typical}


@dataclass(frozen=True, slots=True)
class RunThemes:
    """The themes of a run, the largest first.

    Attributes:
        run: the run's number.
        search: which turns were grouped, and how many of them belong to no theme.
        themes: the themes.
    """

    run: int
    search: ThemeSearch
    themes: tuple[RunTheme, ...]

    @property
    def size(self) -> str:
        """Return the sentence that counts the judged turns, the flagged ones in themes and in none, and others."""
        flagged = self.search.flagged - len(self.search.ungrouped)
        further = sum(theme.count for theme in self.themes) - flagged
        verb = "is" if further == 1 else "are"
        more = (
            f" The themes have {counted(further, 'more turn')} that {verb} not flagged one by one." if further else ""
        )
        return (
            f"{counted(self.search.judged, 'judged turn')}, {self.search.flagged:,} grouped: {flagged:,} in "
            f"{counted(len(self.themes), 'theme')}, {len(self.search.ungrouped):,} in none.{more}"
        )

    @property
    def cause_note(self) -> str:
        """Return the sentence that says why no common cause is known; empty where one is."""
        if not self.themes or any(theme.theme.cause is not None for theme in self.themes):
            return ""
        if not self.search.explain:
            return "No common cause is known: no turn was explained to look for one."
        most = counted(self.search.explain, "turn")
        return f"No common cause was found: up to {most} of each theme were explained, and too few have one in common."

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        search = {**asdict(self.search), "ungrouped": len(self.search.ungrouped), "at": self.search.at.isoformat()}
        return {"run": self.run, **search, "themes": [theme.to_dict() for theme in self.themes]}

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each theme.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(map(_row, self.themes))


def _row(theme: RunTheme) -> dict[str, Any]:
    cause = theme.theme.cause
    return {
        "theme": theme.number,
        "name": theme.theme.name,
        "turns": theme.count,
        "share": theme.theme.share,
        "low": theme.theme.interval[0],
        "high": theme.theme.interval[1],
        "pinned": theme.theme.pinned is not None,
        "cause": None if cause is None else cause.statement,
    }


def share_text(theme: Theme) -> str:
    """Return a theme's share of the judged turns with its interval, in words."""
    low, high = theme.interval
    return f"{_percent(theme.share)} of the judged turns (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"


def theme_sentences(theme: Theme) -> Iterator[str]:
    """Yield in plain sentences what is known of a theme: its scores, its cause, its trend, and where it is frequent."""
    if theme.low is not None:
        yield _low_scores(theme.low, len(theme.members))
    if (cause := theme.cause) is not None:
        yield (
            f"Common cause: in {cause.count} of {counted(cause.explained, 'explained turn')} an earlier turn that "
            f"matters {cause.statement}; before good turns in {cause.compared} of {cause.compared_of}."
        )
    if theme.trend is not None:
        yield _trend(theme)
    for excess in theme.excesses:
        group = f"{'with' if excess.field == 'bot' else 'in'} the {excess.field} “{one_line(excess.value)}”"
        yield (
            f"More frequent {group}: {_percent(excess.share)} of its turns "
            f"({excess.count} of {excess.judged}), {_percent(excess.share_elsewhere)} elsewhere (q = {excess.q:.2g})."
        )


def _low_scores(low: LowScores, count: int) -> str:
    flagged = (
        f"{counted(low.flagged, 'turn')} of it {'is' if low.flagged == 1 else 'are'} flagged one by one, but together"
    )
    together = "Together" if low.flagged == count else flagged
    return (
        f"{together} they score low: {low.mean:.2f} on {low.rubric} on average of {low.texts} different replies, where "
        f"replies that do nothing of the kind have {low.mean_elsewhere:.2f} (q = {low.q:.2g})."
    )


def _trend(theme: Theme) -> str:
    assert theme.trend is not None
    low, high = theme.trend.interval
    shares = (
        f"{_percent(theme.trend.before)} of the turns in the earlier half, {_percent(theme.trend.after)} in the later"
    )
    if low > 0:
        return f"More frequent than before: {shares}."
    if high < 0:
        return f"Less frequent than before: {shares}."
    return f"No clear change over time: {shares}."


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
