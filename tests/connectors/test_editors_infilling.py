"""The editor over an infiller: one hole for each phrase, and what becomes of its fills."""

import asyncio

import pytest

from convexplain.connectors.editors import EditorResources, open_editor
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.models.editing import Passage
from convexplain.types import Label, Rubric, Turn, Unit

RUBRIC = Rubric(
    "r", "R", "own", "The response helps.", (Label("no", 0.0, "no help"), Label("yes", 1.0, "help")), (), 0.5
)
TEXT = "Hello there. If you want, we can send it."
TURNS = (Turn("user", "Hi"), Turn("assistant", TEXT))


class FakeInfiller:
    name = "fake"
    fingerprint = "fake"

    def __init__(self, fills=(), error=None):
        self.fills, self.error, self.holes, self.prepared, self.closed = fills, error, [], 0, 0

    async def prepare(self):
        self.prepared += 1

    async def infill(self, masked, k):
        if self.error:
            raise self.error
        self.holes += masked
        return [list(self.fills[i % len(self.fills)])[:k] for i in range(len(masked))]

    async def aclose(self):
        self.closed += 1


def propose(infiller, text, k=3, level="sentence", refused=()):
    unit = Unit(1, TEXT.index(text), TEXT.index(text) + len(text), level)
    editor = open_editor("infill", EditorResources(infiller=infiller))
    proposed = asyncio.run(editor.propose([Passage(TURNS, unit, 1, RUBRIC, True, refused=refused)], k))
    return proposed[0], editor


def test_each_phrase_is_a_hole_and_the_best_fills_come_first():
    infiller = FakeInfiller([["When it rains,", "As we are,"], ["you may go.", "we stay."]])
    proposed, editor = propose(infiller, "If you want, we can send it.")
    assert [str(hole) for hole in infiller.holes] == [
        "Hello there. <mask> we can send it.",
        "Hello there. If you want, <mask>",
    ]
    assert {hole.context for hole in infiller.holes} == {"user: Hi\nassistant: "}
    assert proposed == [
        "Hello there. When it rains, we can send it.",
        "Hello there. If you want, you may go.",
        "Hello there. As we are, we can send it.",
    ]
    asyncio.run(editor.prepare())
    asyncio.run(editor.aclose())
    assert (infiller.prepared, infiller.closed, editor.name) == (0, 0, "infill:fake")


def test_what_was_refused_is_left_out():
    infiller = FakeInfiller([["Bye now."]])
    assert propose(infiller, "Hello there. ", refused=("Bye now. If you want, we can send it.",))[0] == []


def test_of_a_whole_turn_nothing_is_proposed():
    infiller = FakeInfiller([["x"]])
    assert propose(infiller, TEXT, level="turn")[0] == []
    assert infiller.holes == []


def test_a_failed_infiller_proposes_nothing_and_a_lost_one_is_an_error():
    proposed, editor = propose(FakeInfiller(error=ModelError("too long")), "Hello there. ")
    assert (proposed, editor.error) == ([], "too long")
    with pytest.raises(UnavailableError):
        propose(FakeInfiller(error=UnavailableError("gone")), "Hello there. ")


def test_without_an_infiller_it_says_how_to_name_one():
    with pytest.raises(UsageError, match="infill:embedded"):
        open_editor("infill")
