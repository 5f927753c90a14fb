"""Names of themes, with and without a model."""

import pytest

from convexplain.analysis.themes.naming import name_request, plain_name, read_name
from convexplain.analysis.themes.phrases import distinctive_phrases
from convexplain.analysis.themes.theme import FlaggedTurn
from convexplain.types import Conversation, Turn


def flagged(reply: str, *clauses: str, notes: tuple[str, ...] = ()) -> FlaggedTurn:
    talk = Conversation("1", (Turn("user", "When does it come?"), Turn("assistant", reply)))
    return FlaggedTurn(1, talk, 1, 0.1, clauses=clauses, notes=notes)


WAITING = [flagged("Please be patient.", 'phrases that are often evasive: "be patient"')] * 4
GOOD = [flagged(f"It comes on day {i}.") for i in range(8)]


def test_a_name_is_the_trait_with_the_words_that_show_it() -> None:
    assert plain_name(WAITING, GOOD, ("be patient",)) == "phrases that are often evasive: “be patient”"


def test_without_a_trait_a_name_is_what_the_members_say() -> None:
    assert plain_name([flagged("Buy now")] * 3, GOOD, ("buy now",)) == "says “buy now”"
    assert plain_name([flagged("Buy now")], GOOD, ()) == ""


def test_how_replies_are_put_is_no_name() -> None:
    polite = [flagged(f"Thanks, it comes on day {i}.", 'words of courtesy: "thanks"') for i in range(3)]
    assert plain_name(polite, GOOD, ("thanks",)) == ""
    naming = [
        flagged(f"It goes to Edith on day {i}.", 'names "Edith", which no turn before it names') for i in range(3)
    ]
    assert plain_name(naming, GOOD, ("edith",)) == ""


QUESTION = "ends with a question of its own, after a question"


def test_what_a_comparison_with_earlier_turns_shows_names_a_theme_before_what_the_reply_shows() -> None:
    """All three ask a question, which no good turn does; that they ask it again is seen beside the earlier turns."""
    texts = ("Hi.", "Your order number?", "It is 5.", "Your order number, please?")
    turns = tuple(Turn(("user", "assistant")[i % 2], text) for i, text in enumerate(texts))
    asking = [FlaggedTurn(1, Conversation("c", turns), 3, 0.1, clauses=(QUESTION,))] * 3
    assert plain_name(asking, GOOD, ()) == "asks again for what it has asked before: “order number”"
    first = [flagged("Your order number?", QUESTION)] * 3
    assert plain_name(first, GOOD, ("order number",)) == f"{QUESTION}; says “order number”"


def test_distinctive_phrases_are_in_the_group_and_not_elsewhere() -> None:
    texts = ["Please be patient with us.", "You must be patient, madam.", "Just be patient!"]
    assert distinctive_phrases(texts, ["Please come.", "You must pay.", "It is with us."]) == ("be patient",)


def test_a_request_fences_the_members_and_shows_notes() -> None:
    text = name_request([flagged("Please be patient.", notes=("names no day",))], "=====")
    assert "=====\nUser: When does it come?\nAssistant: Please be patient.\nReviewer: names no day\n=====" in text


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ('{"name": "names no delivery date"}', "names no delivery date"),
        ('Sure: {"name": "Names no date."} Good?', "Names no date"),
        ('{"name": ""}', None),
        ('{"name": 3}', None),
        ("names no date", None),
        ('{"name": "one two three four five six seven eight nine"}', None),
        ('{"name": "a\\u0007b"}', None),
    ],
)
def test_names_are_read_strictly(reply: str, name: str | None) -> None:
    assert read_name(reply) == name
