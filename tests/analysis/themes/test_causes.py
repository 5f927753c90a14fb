"""What the earlier turns that matter have in common."""

import pytest

from convexplain.analysis.themes.causes import common_cause
from convexplain.analysis.themes.theme import EarlierEffect, FlaggedTurn
from convexplain.types import Conversation, Turn


def turn(number: int, opening: str, *, explained: bool = True, effects: int = 1) -> FlaggedTurn:
    talk = Conversation(
        str(number),
        (Turn("user", opening), Turn("assistant", "Yes."), Turn("user", "And that?"), Turn("assistant", "No.")),
    )
    earlier = (EarlierEffect(0, -0.2),) * effects if explained else None
    return FlaggedTurn(number, talk, 3, 0.1, earlier=earlier)


GOOD = [turn(100 + i, f"Where is parcel number {i}?", explained=False) for i in range(30)]


def test_a_phrase_that_most_members_share_and_good_turns_do_not_is_the_cause() -> None:
    members = [turn(i, f"First the {product} please") for i, product in enumerate(("kettle", "lamp", "sofa", "drill"))]
    cause = common_cause([*members, turn(9, "The hose")], GOOD)
    assert cause is not None
    assert cause.statement == "is a message of the user that says “first the”, three turns back"
    assert (cause.count, cause.explained, cause.compared, cause.compared_of) == (4, 5, 0, 30)
    assert cause.p < 0.05


def test_what_good_turns_have_before_them_too_is_no_cause() -> None:
    assert common_cause([turn(i, f"Where is parcel number {i}?") for i in range(8)], GOOD) is None


def test_two_explained_members_are_too_few() -> None:
    assert common_cause([turn(i, "First the kettle") for i in range(2)], GOOD) is None


def test_members_without_a_turn_that_matters_count_as_explained() -> None:
    members = [turn(i, "First the kettle") for i in range(4)]
    assert common_cause([*members, *(turn(i, "First", effects=0) for i in range(5, 10))], GOOD) is None


def alternating(number: int, cause: int | None = None) -> FlaggedTurn:
    """A turn after five others, of which each odd distance before it has a question; the cause is so far back."""
    turns = tuple(
        Turn("assistant" if i % 2 else "user", "Yes, it is." if i % 2 else f"Is it in box{number}?") for i in range(6)
    )
    earlier = None if cause is None else (EarlierEffect(5 - cause, -0.2),)
    return FlaggedTurn(number, Conversation(str(number), turns), 5, 0.1, earlier=earlier)


def test_causes_at_other_distances_than_most_are_compared_at_their_own() -> None:
    """All turns have a question one turn back: that 7 causes of 10 are there does not make it one."""
    members = [alternating(i, cause) for i, cause in enumerate([1] * 7 + [2, 2, 4])]
    assert common_cause(members, [alternating(100 + i) for i in range(100)]) is None


def test_good_turns_count_at_the_distances_at_which_a_statement_holds() -> None:
    """4 of 6 causes are an odd word one turn back, 2 the opening: 30 turns are compared, not also 30 openings."""
    members = []
    for i in range(6):
        turns = (Turn("user", f"Hello {i}"), Turn("assistant", "Yes."), Turn("user", "Odd"), Turn("assistant", "No."))
        earlier = (EarlierEffect(2 if i < 4 else 0, -0.2),)
        members.append(FlaggedTurn(i, Conversation(str(i), turns), 3, 0.1, earlier=earlier))
    cause = common_cause(members, GOOD)
    assert cause is not None
    assert cause.statement == "is a message of the user that says “odd”, one turn back"
    assert (cause.count, cause.explained, cause.compared, cause.compared_of) == (4, 6, 0, 30)


def five_turns(number: int, texts: tuple[str, ...], cause: int | None) -> FlaggedTurn:
    turns = tuple(Turn("assistant" if i % 2 else "user", text) for i, text in enumerate(texts))
    earlier = None if cause is None else (EarlierEffect(cause, -0.2),)
    return FlaggedTurn(number, Conversation(str(number), turns), len(turns) - 1, 0.1, earlier=earlier)


def asking(number: int, reply: str, cause: int | None = None) -> FlaggedTurn:
    """The user answers the question for the order number; each answer is another word."""
    texts = (f"Hello {number}.", "Please give me your order number.", f"box{number}", "Thank you.", "And now?", reply)
    return five_turns(number, texts, cause)


def renaming(number: int, reply: str, cause: int | None = None) -> FlaggedTurn:
    """The user asks for one thing, and then for another."""
    texts = (f"What is the price of lamp{number}?", "Five pounds.", f"How large is table{number}, if I may ask?", reply)
    return five_turns(number, texts, cause)


GOOD_ANSWERS = [asking(100 + i, f"It comes on day{i}.") for i in range(30)]
GOOD_PRICES = [renaming(100 + i, f"The table{100 + i} is two metres long.") for i in range(30)]


@pytest.mark.parametrize(
    ("members", "good", "statement"),
    [
        pytest.param(
            [asking(i, "Tell me your order number, please.", 2) for i in range(5)],
            GOOD_ANSWERS,
            "is a message of the user that answers what the reply asks again, three turns back",
            id="the answer to a question that is asked again",
        ),
        pytest.param(
            [asking(i, "Tell me your order number, please.", 1) for i in range(5)],
            GOOD_ANSWERS,
            "is a reply of the assistant that asks what the reply asks again, four turns back",
            id="the question that is asked again",
        ),
        pytest.param(
            [renaming(i, f"The lamp{i} costs 5 pounds.", 0) for i in range(5)],
            GOOD_PRICES,
            "is a message of the user that names what the reply is about, while the last message does not, three turns "
            "back",
            id="the subject before the last one",
        ),
        pytest.param(
            [renaming(i, f"The lamp{i} costs 5 pounds.", 2) for i in range(5)],
            GOOD_PRICES,
            "is a message of the user that the reply takes up no word of, one turn back",
            id="the last message, of which the reply says nothing",
        ),
    ],
)
def test_what_joins_the_earlier_turn_and_the_reply_is_a_cause(members, good, statement) -> None:
    cause = common_cause(members, good)
    assert cause is not None
    assert (cause.statement, cause.count, cause.compared) == (statement, 5, 0)
