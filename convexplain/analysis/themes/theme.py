"""The types of themes: the flagged turns that are grouped, and the groups with what they have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from convexplain.types import Conversation

Place = tuple[int, int]
"""The number of a conversation in the store, and the index of a turn in it."""


@dataclass(frozen=True, slots=True)
class EarlierEffect:
    """The effect of an earlier turn on the score of a flagged turn, beyond the judge's noise.

    Attributes:
        turn: the earlier turn's index.
        effect: by how much the score falls (positive) or rises (negative) without it.
    """

    turn: int
    effect: float


@dataclass(frozen=True, slots=True)
class FlaggedTurn:
    """An assistant turn that scored low, with all that is known about its failure.

    Attributes:
        number: the conversation's number in the store.
        conversation: the conversation.
        turn: the turn's index.
        score: the lowest of its scores, in [0, 1], 1 = satisfied.
        rubrics: ids of the maxims that it fails, the lowest score first.
        reasons: the judge's reasons in words on them.
        notes: reviewers' notes.
        clauses: clauses that say what the reply does ("repeats turn 3", "ends with a question of its own").
        words: the words of the reply that its score depends on most.
        earlier: the earlier turns that matter, the strongest first; None where nobody has explained the turn.
        source: the log's name.
        bot: the bot's name or version; empty where the log has none.
        began_at: when the conversation began; None where the log does not say so.
    """

    number: int
    conversation: Conversation
    turn: int
    score: float
    rubrics: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    earlier: tuple[EarlierEffect, ...] | None = None
    source: str = ""
    bot: str = ""
    began_at: datetime | None = None

    @property
    def place(self) -> Place:
        """Return where the turn is."""
        return self.number, self.turn

    @property
    def reply(self) -> str:
        """Return the turn's text."""
        return self.conversation.turns[self.turn].content


@dataclass(frozen=True, slots=True)
class CandidateTurn:
    """A judged turn that may join a low group: its scores by the maxims' ids, and whether it is flagged by itself."""

    turn: FlaggedTurn
    scores: Mapping[str, float]
    flagged: bool


@dataclass(frozen=True, slots=True)
class LowScores:
    """The scores of a theme's turns together, most of which may be above the threshold.

    Attributes:
        rubric: the maxim's id.
        flagged: how many of the turns are flagged by themselves.
        texts: how many different replies were compared.
        mean, mean_elsewhere: the mean scores of these replies, and of plain ones that do nothing of the kind.
        chance: the chance that one of these replies scores lower than a plain one; 0.5 says no difference.
        q: the p-value of Mann and Whitney's test after Benjamini and Hochberg's correction for all groups and maxims.
    """

    rubric: str
    flagged: int
    texts: int
    mean: float
    mean_elsewhere: float
    chance: float
    q: float


@dataclass(frozen=True, slots=True)
class ThemeMember:
    """A turn of a theme, and its similarity to the theme's middle in [-1, 1], 1 = the most typical."""

    number: int
    turn: int
    similarity: float


@dataclass(frozen=True, slots=True)
class GroupExcess:
    """A group of turns in which a theme is over-represented.

    Attributes:
        field: `source` or `bot`.
        value: the group's name.
        count, judged: the theme's turns in the group, and all judged turns in it.
        share, share_elsewhere: the theme's share of the judged turns in the group, and of those outside it.
        q: the p-value of Fisher's exact test after Benjamini and Hochberg's correction for all groups and themes.
    """

    field: str
    value: str
    count: int
    judged: int
    share: float
    share_elsewhere: float
    q: float


@dataclass(frozen=True, slots=True)
class Trend:
    """The change of a theme's share of the judged turns from the earlier half of the dated conversations to the later.

    Attributes:
        before, after: the shares.
        interval: the 95 % interval of after − before.
    """

    before: float
    after: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CommonCause:
    """A statement about an earlier turn that matters which holds for many members of a theme.

    Attributes:
        statement: the statement, with "an earlier turn that matters" as its subject ("is a message of the user that
            says …").
        count, explained: for how many members it holds, of those that have an explanation.
        compared, compared_of: for how many turns before good turns it holds, and their number, at the distances at
            which it holds for members; of several distances each counts as often as members have it.
        p: the p-value of Fisher's exact test within each distance, corrected for all statements that were tried.
    """

    statement: str
    count: int
    explained: int
    compared: int
    compared_of: int
    p: float


@dataclass(frozen=True, slots=True)
class Theme:
    """A group of turns that fail in one way: flagged ones, or such as score low together.

    Attributes:
        name: a few words.
        phrases: the distinctive phrases of its replies, the most distinctive first.
        members: its turns, the most typical first.
        share: its share of all judged turns, in [0, 1].
        interval: the 95 % interval of the share.
        excesses: the groups in which it is over-represented.
        trend: the change of its share; None without dates.
        cause: what the earlier turns that matter have in common; None where no statement holds.
        pinned: the number in the store of the pinned theme that it is; None where it is new.
        low: how low its turns score together; None where each of them is flagged.
    """

    name: str
    phrases: tuple[str, ...]
    members: tuple[ThemeMember, ...]
    share: float
    interval: tuple[float, float]
    excesses: tuple[GroupExcess, ...] = ()
    trend: Trend | None = None
    cause: CommonCause | None = None
    pinned: int | None = None
    low: LowScores | None = None


@dataclass(frozen=True, slots=True)
class PinnedTheme:
    """A theme of an earlier run that is to be found again: its number in the store, its name and its members."""

    number: int
    name: str
    members: Sequence[FlaggedTurn]


@dataclass(frozen=True, slots=True)
class JudgedGroups:
    """The judged turns of a run that themes are compared with.

    Attributes:
        judged: their number.
        by_source, by_bot: their number by the name of the source and of the bot.
        earlier, later: their number in the earlier and later half of the dated conversations, split at `middle`.
        middle: the moment between the halves; None where the log has no dates.
        good: some of those that scored well, for comparison.
    """

    judged: int
    by_source: dict[str, int]
    by_bot: dict[str, int]
    earlier: int = 0
    later: int = 0
    middle: datetime | None = None
    good: Sequence[FlaggedTurn] = ()


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes of a run: the largest first, and the flagged turns that belong to none."""

    themes: tuple[Theme, ...]
    ungrouped: tuple[Place, ...]
