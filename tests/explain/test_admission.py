import asyncio
from dataclasses import replace

import pytest

from convexplain import Rubric, Turn
from convexplain.errors import ModelError
from convexplain.explain.admission import Admission
from convexplain.explain.screening import Screen
from convexplain.types import Label

RUBRIC = Rubric(
    "nice", "Nice", "test", "The response should be nice.", (Label("yes", 1.0, "y"), Label("no", 0.0, "n")), (), 0.5
)
TURNS = (Turn("user", "When did parcel 4411 leave?"), Turn("assistant", "It left on Monday. Who cares."))


def admission(upward=True, screen=None, notes=None):
    notes = [] if notes is None else notes
    return Admission(screen or Screen(), TURNS, RUBRIC, upward, notes.append)


def admit(work, *texts):
    candidates = [((i, "x"),) for i in range(len(texts))]
    return asyncio.run(work.admit(candidates, [(TURNS[0], Turn("assistant", text)) for text in texts]))


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        ("It left on Monday.", True, True),
        ("Parcel 4411 left on Monday. Who cares.", True, True),
        ("Parcel 4412 left on Monday. Who cares.", False, True),  # a number that stands nowhere
        ("It left. Who cares.", True, True),  # what is gone is to be seen
        ("Who cares.", False, True),  # two words of six are no better answer
        ("It left on Monday. It left on Monday. Who cares.", False, False),  # repeats itself
    ],
)
def test_what_is_admitted(text, up, down):
    assert admit(admission(upward=True), text) == [up]
    assert admit(admission(upward=False), text) == [down]


def test_of_a_judged_conversation_no_edited_turn_may_lose_most_of_its_words():
    later = (*TURNS, Turn("user", "Hm."), Turn("assistant", "Ok."))
    work = Admission(Screen(), later, replace(RUBRIC, scope="conversation"), True, [].append)
    candidates = [((0, "x"),), ((1, "x"),)]
    texts = ["Who cares.", "It left on Monday morning."]  # two of six words, and enough of them
    edited = [(TURNS[0], Turn("assistant", text), *later[2:]) for text in texts]
    assert asyncio.run(work.admit(candidates, edited)) == [False, True]
    assert "too little is left of the reply" in work.refusals


def test_the_refusals_are_counted_with_the_most_usual_reason():
    work = admission()
    assert work.refusals == ""
    admit(work, "Parcel 4412 left.")
    assert work.refusals.startswith("1 edited text was refused, because “4412” stands neither in the")
    admit(work, *["It left on Monday. It left on Monday. Who cares."] * 2)
    assert work.refusals.startswith("2 edited texts were refused")


def test_a_screen_that_cannot_read_a_text_leaves_it_to_the_rules():
    class Broken(Screen):
        async def screen(self, before, edited, rubric, *, whole_turns=False):
            raise ModelError("too long")

    notes = []
    assert admit(admission(screen=Broken(), notes=notes), "It left on Monday.", "<b>It left</b>") == [True, False]
    assert notes == ["whether edits read well was checked by rules alone: too long"]
