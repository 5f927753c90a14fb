"""Values that contradict an earlier turn, and those that only differ from it."""

import pytest

from convexplain.explain.contradictions import contradiction
from convexplain.judges.reference import reference_set
from convexplain.types import Conversation, Turn


def talk(*turns):
    roles = {"u": "user", "a": "assistant", "t": "tool"}
    return Conversation("c", tuple(Turn(roles[text[0]], text[2:]) for text in turns))


def sentence_of(*turns):
    return contradiction(talk(*turns), len(turns) - 1)


@pytest.mark.parametrize(
    ("turns", "sentence"),
    [
        # an identifier of a kind that the conversation has one of
        (("u My card ending 4471 was stolen.", "a I have blocked the card ending 9038."),
         "Turn 1 contradicts turn 0: it says “ending 9038” where turn 0 said “ending 4471”."),
        (("u Where is order AB-1234?", "u Order AB-1234 is late.", "a Your order AB-9999 left today."),
         "Turn 2 contradicts turn 1: it says “order AB-9999” where turn 1 said “order AB-1234”."),
        (("a Your ticket 88204 is open.", "u Thanks.", "a Your ticket 88205 is open."),
         "Turn 2 contradicts turn 0: it says “ticket 88205” where turn 0 said “ticket 88204”."),
        # what the user has said of himself, with the same verb
        (("u I paid $310 last week.", "a You paid $45 last week."),
         "Turn 1 contradicts turn 0: it says “paid $45” where turn 0 said “paid $310”."),
        # the day of a purchase
        (("u I bought a kettle on 3 May.", "a As the kettle dates from 19 January, you can have a new one."),
         "Turn 1 contradicts turn 0: it says “19 January” where turn 0 said “3 May”."),
        # a sum of a tool's result, whose unit is not said
        (("u What do I owe?", 't {"total": 1200}', "a Your total is $700."),
         "Turn 2 contradicts turn 1: it says “total $700” where turn 1 said “total 1200”."),
        # what the user is said to have said
        (("u I take them, how long is that fine?", "a You told me nine months."),
         "Turn 1 says that the user said “nine months”; no earlier turn says that."),
    ],
)  # fmt: skip
def test_a_contradiction_is_named_with_both_values(turns, sentence):
    assert sentence_of(*turns) == sentence


@pytest.mark.parametrize(
    "turns",
    [
        ("u My card ending 4471 was stolen.", "a I have blocked the card ending 4471."),
        ("u My card ending 4471 was stolen.", "a You get a new card ending 9038."),  # another one, and it says so
        ("u My cards ending 4471 and ending 5500 are gone.", "a The card ending 9038 is blocked."),  # of which?
        ("u My card ending 4471 was stolen.", "a The card ending 9038 takes the place of that ending 4471."),
        ("u My order 1234 is late.", "a Is it your order 9999?"),  # a question says nothing
        ("u I ordered 3 tents on 3 May.", "a Your order has 10 pegs."),  # no identifiers
        ("u I bought a kettle on 3 May.", "a Your kettle arrived on 19 May."),  # another event
        ("u I bought a kettle on 3 May.", "a The toaster that you bought on 1 May has a warranty."),
        ("u I bought a kettle on Friday.", "a The kettle bought on 3 May has a warranty."),  # that Friday?
        ("u I paid $310 last week.", "a You will get $45 back."),
        ("u I paid $310 last week.", "a You paid 310 for it."),
        ("u I paid $310 last week.", "a We paid $45 for you."),
        ("u I paid between $5 and $7.", "a You paid $6."),  # a range
        ("u I can pay $310.", "a The ticket is $345."),
        ("u Flights?", "a The ticket is $181.", "u Something later?", "a The ticket is $184."),  # another offer
        ("u Can I come at 9:20?", "a You told me at 8:30."),  # times are not read: too many are offered
        ("u I need two tents and a stove.", "a You told me 3 articles."),  # can be counted
        ("u We take nine months.", "a You told me 9 months."),
        ("u Hi", "a You told me that we could meet in a garden far away, for example in 9 months."),  # far from "told"
        ('t {"total": 1200}', "a Your total is 1,200."),
        ('t {"total": 1200}', "a With the discount your total is 700."),
        ("u Hi", "a Your order 1234 left."),
    ],
)  # fmt: skip
def test_another_value_is_not_always_a_contradiction(turns):
    assert sentence_of(*turns) == ""


def test_it_speaks_rarely_and_only_of_wrong_replies_of_the_reference_set():
    turns = [turn for turn in reference_set().turns if contradiction(turn.conversation, turn.turn)]
    assert [turn.kind for turn in turns] == ["wrong"]
