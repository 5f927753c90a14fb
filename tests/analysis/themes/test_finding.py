"""The search for themes on turns whose vectors are chosen by hand."""

from dataclasses import replace

from convexplain.analysis.themes.finding import find_themes
from convexplain.analysis.themes.theme import FlaggedTurn, JudgedGroups, PinnedTheme
from convexplain.types import Conversation, Turn

GROUPS = JudgedGroups(20, {"log": 20}, {})


def flagged(number: int, reply: str) -> FlaggedTurn:
    talk = Conversation(str(number), (Turn("user", "Where is my parcel?"), Turn("assistant", reply)), "log")
    return FlaggedTurn(number, talk, 1, 0.1, ("helpfulness",), source="log")


def by_last_word(texts: list[str]) -> list[list[float]]:
    """Return one direction for each last word."""
    directions = {"patient": [1.0, 0.0, 0.0], "fool": [0.0, 1.0, 0.0], "weather": [0.0, 0.0, 1.0]}
    return [directions[text.split()[-1]] for text in texts]


FOOLS = ["you fool", "what a fool", "poor fool"]
TURNS = [flagged(i, "please be patient") for i in range(4)] + [flagged(4 + i, fool) for i, fool in enumerate(FOOLS)]


def test_turns_of_one_direction_are_a_theme_and_the_lone_turn_is_in_none() -> None:
    themes = find_themes([*TURNS, flagged(7, "nice weather")], GROUPS, by_last_word)
    assert [[member.number for member in theme.members] for theme in themes.themes] == [[0, 1, 2, 3], [4, 5, 6]]
    assert themes.ungrouped == ((7, 1),)
    assert [theme.share for theme in themes.themes] == [4 / 20, 3 / 20]


def test_a_pinned_theme_is_found_again_and_keeps_its_name() -> None:
    pinned = PinnedTheme(9, "asks for patience", TURNS[:4])
    themes = find_themes([flagged(10, "be patient"), *TURNS[4:]], GROUPS, by_last_word, [pinned]).themes
    assert [(theme.name, theme.pinned) for theme in themes[1:]] == [("asks for patience", 9)]
    assert [member.number for member in themes[0].members] == [4, 5, 6]
    assert themes[0].pinned is None


def test_without_flagged_turns_there_are_no_themes() -> None:
    assert find_themes([], GROUPS, by_last_word).themes == ()


def test_three_times_one_sentence_are_no_theme() -> None:
    """Four times one sentence are, and so are the three different ones of the first test."""
    themes = find_themes([*TURNS[:4], *(flagged(i, "you fool") for i in range(4, 7))], GROUPS, by_last_word)
    assert [[member.number for member in theme.members] for theme in themes.themes] == [[0, 1, 2, 3]]
    assert themes.ungrouped == ((4, 1), (5, 1), (6, 1))


def test_groups_of_one_name_are_one_theme() -> None:
    """Four turns say one sentence and four another; all eight have the same evasive words, and no good turn has any."""
    clause = 'phrases that are often evasive: "patience"'
    replies = ["please be patient"] * 4 + ["fine weather"] * 4
    turns = [replace(flagged(i, reply), clauses=(clause,)) for i, reply in enumerate(replies)]
    good = replace(GROUPS, good=[flagged(100 + i, "It comes on Monday.") for i in range(30)])
    (theme,) = find_themes(turns, good, by_last_word).themes
    assert theme.name == "phrases that are often evasive: “patience”"
    assert sorted(member.number for member in theme.members) == list(range(8))
