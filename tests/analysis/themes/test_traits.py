"""What a reply does, seen beside the conversation before it."""

import pytest

from convexplain.analysis.themes.theme import FlaggedTurn
from convexplain.analysis.themes.traits import kind_of, traits_of
from convexplain.types import Conversation, Turn

ROLES = ("user", "assistant")


@pytest.mark.parametrize(
    ("trait", "kind"),
    [
        ('words of advertising: "free gift", "deals"', "words of advertising"),
        ('says "5 May", while turn 2 said "6 May"', "says …, while an earlier turn said …"),
        ('repeats its turn 1: "your order number?"', "repeats an earlier turn of its own"),
        ('begins with "Yes", after words of risk: "pill"', "begins with …, after words of risk"),
        ("says 12, while turn 3 said 21", "says …, while an earlier turn said …"),
        ("is very short: 2 words", "is very short"),
    ],
)
def test_the_kind_of_a_trait_has_no_quotes_and_no_numbers(trait: str, kind: str) -> None:
    assert kind_of(trait) == kind


@pytest.mark.parametrize(
    ("texts", "traits"),
    [
        (
            ["My kettle is broken.", "What is your order number?", "It is 123.", "Please enter the order number."],
            ['asks again for what it has asked before: "order number"'],
        ),
        (["My kettle is broken.", "Sorry to hear that.", "It is 123.", "Please enter the order number."], []),
        (
            ["What is the price of the sofa that you have?", "Das ist leider nicht auf der Liste und wird es nicht."],
            ["answers in German to messages in English"],
        ),
        (
            ["First the kettle?", "It is red.", "And what do fish tanks cost?", "The kettle weighs a kilo."],
            ['takes up words of an earlier message, and none of the last: "kettle"'],
        ),
        (["First the kettle?", "It is red.", "And what do fish tanks cost?", "A fish tank costs ten pounds."], []),
    ],
)
def test_traits_compare_the_reply_with_what_came_before(texts: list[str], traits: list[str]) -> None:
    talk = Conversation("1", tuple(Turn(ROLES[i % 2], text) for i, text in enumerate(texts)))
    assert list(traits_of(FlaggedTurn(1, talk, len(texts) - 1, 0.1))) == traits
    assert traits_of(FlaggedTurn(1, talk, len(texts) - 1, 0.1, clauses=("is short",)))[0] == "is short"
