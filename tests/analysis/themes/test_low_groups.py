"""Groups of turns that score low together, on scores that are chosen by hand.

30 plain turns score 0.70, 0.71, ... 0.99: 0.845 on average. Four turns that do something score 0.60 to 0.63: 0.615.
Each of the four is lower than each plain one, so the chance is 1, and p is one of the C(34, 4) = 46,376 orders.
"""

from dataclasses import replace

import pytest

from convexplain.analysis.themes.finding import find_themes
from convexplain.analysis.themes.low_groups import low_groups
from convexplain.analysis.themes.theme import CandidateTurn, FlaggedTurn, JudgedGroups, PinnedTheme
from convexplain.types import Conversation, Turn

PRIVATE = 'words about private data: "pin"'
MARKETING = 'words of advertising: "sale"'
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def word(i: int) -> str:
    """A word of its own for each number: texts are compared without digits."""
    return f"{LETTERS[i // 26]}{LETTERS[i % 26]}xyz"


def judged(number: int, score: float | None, *clauses: str, reply: str | None = None) -> CandidateTurn:
    talk = Conversation(
        str(number), (Turn("user", "Hello."), Turn("assistant", reply or f"The {word(number)}.")), "log"
    )
    turn = FlaggedTurn(number, talk, 1, score or 0.0, clauses=clauses)
    return CandidateTurn(turn, {} if score is None else {"harm": score}, False)


PLAIN = [judged(i, 0.7 + i / 100) for i in range(30)]


def four(*clauses: str) -> list[CandidateTurn]:
    return [judged(40 + i, 0.6 + i / 100, *clauses) for i in range(4)]


def test_turns_that_do_the_same_and_score_low_are_a_group():
    low = four(PRIVATE)
    low[0] = replace(low[0], flagged=True)
    (group,) = low_groups([*PLAIN, *low])
    assert (group.turns, group.kinds) == ((30, 31, 32, 33), ("words about private data",))
    scores = group.scores
    assert (scores.rubric, scores.flagged, scores.texts, scores.chance) == ("harm", 1, 4, 1.0)
    assert (round(scores.mean, 3), round(scores.mean_elsewhere, 3)) == (0.615, 0.845)
    assert scores.q == pytest.approx(1 / 46_376)


@pytest.mark.parametrize(
    "low",
    [
        pytest.param([judged(40 + i, 0.6, PRIVATE, reply="Your pin, please.") for i in range(4)], id="one sentence"),
        pytest.param([judged(40 + i, 0.8 + i / 1000, PRIVATE) for i in range(4)], id="as high as others"),
        pytest.param([judged(40 + i, 0.6 if i < 2 else None, PRIVATE) for i in range(4)], id="two scores"),
        pytest.param([judged(40 + i, 0.6 + i / 100, PRIVATE) for i in range(6)], id="6 of 36 turns"),
        pytest.param(four('words of courtesy: "please"'), id="how a reply is put"),
        pytest.param(four(), id="nothing in common"),
    ],
)
def test_other_turns_are_no_group(low):
    assert low_groups([*PLAIN, *low]) == []


def test_two_kinds_together_may_be_low_where_neither_is():
    """The four with both kinds are lower than all others; of each kind's eight turns the other four are the highest."""
    plain = [*PLAIN, *(judged(100 + i, 0.7 + i / 100) for i in range(30))]
    high = [judged(200 + i, 1.0, PRIVATE if i < 4 else MARKETING) for i in range(8)]
    (group,) = low_groups([*plain, *high, *four(PRIVATE, MARKETING)])
    assert group.kinds == ("words about private data", "words of advertising")
    assert len(group.turns) == 4


def test_a_turn_is_in_one_group_only():
    """All six of one kind are low; four of them have a second kind, and say no more together than the six."""
    low = [judged(40 + i, 0.6 + i / 100, PRIVATE, *([MARKETING] if i < 4 else [])) for i in range(6)]
    plain = [*PLAIN, *(judged(100 + i, 0.7 + i / 100) for i in range(30))]
    (group,) = low_groups([*plain, *low])
    assert group.kinds == ("words about private data",)
    assert len(group.turns) == 6


def test_groups_that_would_have_the_same_name_are_one():
    """Four turns ask again for a number and have private words, four ask again and advertise; all eight score low.

    Four others ask again and score 1.0, so that all twelve together are not low.
    """

    def asking(number: int, score: float, *clauses: str) -> CandidateTurn:
        texts = ("Hello.", "Your order number?", "Here.", f"Your order number, {word(number)}?")
        talk = Conversation(
            str(number), tuple(Turn(("user", "assistant")[i % 2], text) for i, text in enumerate(texts)), "log"
        )
        return CandidateTurn(FlaggedTurn(number, talk, 3, score, clauses=clauses), {"harm": score}, score == 0.6)

    plain = [*PLAIN, *(judged(100 + i, 0.7 + i / 100) for i in range(30))]
    low = [asking(40 + i, 0.6 + i / 100, PRIVATE if i < 4 else MARKETING) for i in range(8)]
    high = [asking(60 + i, 1.0) for i in range(4)]
    (group,) = low_groups([*plain, *low, *high])
    assert group.turns == tuple(range(60, 68))
    scores = group.scores
    assert (scores.flagged, scores.texts, round(scores.mean, 3), scores.chance) == (1, 8, 0.635, 1.0)


def one_direction(texts: list[str]) -> list[list[float]]:
    return [[1.0] for _ in texts]


GROUPS = JudgedGroups(34, {"log": 34}, {}, good=[turn.turn for turn in PLAIN])


def test_a_group_that_scores_low_is_a_theme_with_turns_that_are_not_flagged():
    low = four(PRIVATE)
    low[0] = replace(low[0], flagged=True)
    themes = find_themes([low[0].turn], GROUPS, one_direction, judged=[*PLAIN, *low])
    (theme,) = themes.themes
    assert sorted(member.number for member in theme.members) == [40, 41, 42, 43]
    assert theme.name == "words about private data: “pin”"
    assert (theme.share, theme.low and theme.low.flagged, themes.ungrouped) == (4 / 34, 1, ())


def test_a_pinned_theme_takes_the_turns_of_a_group_that_scores_low():
    pinned = PinnedTheme(9, "asks for secrets", [turn.turn for turn in four(PRIVATE)])
    (theme,) = find_themes([], GROUPS, one_direction, [pinned], [*PLAIN, *four(PRIVATE)]).themes
    assert (theme.name, theme.pinned, len(theme.members)) == ("asks for secrets", 9, 4)
    assert theme.low is None
