import asyncio

import pytest

from convexplain import Rubric, Turn
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.explain.proposals import Proposals, editable_passages
from convexplain.search.hunks import Hunks
from convexplain.types import Label, Unit

RUBRIC = Rubric(
    "nice", "Nice", "test", "The response should be nice.", (Label("yes", 1.0, "y"), Label("no", 0.0, "n")), (), 0.5
)
TURNS = (
    Turn("user", "Where is it?"),
    Turn("assistant", "It left on Monday. It is late."),
    Turn("user", "And now?"),
    Turn("assistant", "Wait."),
)


class Texts:
    """Proposes these texts for each passage, round by round."""

    fingerprint, error = "texts", ""

    def __init__(self, *rounds, name="texts"):
        self.name = name
        self.rounds = list(rounds)
        self.passages = []

    async def prepare(self):
        pass

    async def propose(self, passages, k):
        self.passages.append(list(passages))
        answer = self.rounds.pop(0) if self.rounds else []
        if isinstance(answer, Exception):
            raise answer
        return [list(answer)[:k] for _ in passages]

    async def aclose(self):
        pass


def proposals(*editors, notes=None):
    return Proposals(
        Hunks(TURNS), editable_passages(TURNS, [1]), editors, 3, RUBRIC, True, "It is rude.",
        (notes if notes is not None else []).append,
    )  # fmt: skip


def texts_of(work, numbers):
    answer = asyncio.run(work.propose(numbers))
    return [[work.hunks.edited(edits)[1].content for edits in passage] for passage in answer]


@pytest.mark.parametrize(
    ("turn", "passages"),
    [
        (1, [Unit(1, 0, 30, "turn"), Unit(1, 0, 18, "sentence"), Unit(1, 19, 30, "sentence")]),
        (3, [Unit(3, 0, 5, "sentence")]),  # a turn of one sentence is no passage of its own
    ],
)
def test_the_passages_of_a_turn(turn, passages):
    assert list(editable_passages(TURNS, [turn])) == passages


@pytest.mark.parametrize("content", ["", "   ", "?!", "😀"])
def test_a_turn_without_a_word_has_no_passages(content):
    assert editable_passages([Turn("assistant", content)], [0]) == ()


def test_an_editor_is_told_the_passage_the_aim_and_what_was_tried():
    editor = Texts(["It left today. It is late.", "It is late.", "No third one."], ["It left on Sunday. It is late."])
    work = proposals(editor)  # of three passages: two texts of each at once
    assert texts_of(work, [1]) == [["It left today. It is late.", "It is late."]]
    assert texts_of(work, [1]) == [["It left on Sunday. It is late."]]
    first, again = editor.passages
    assert (first[0].text, first[0].judged, first[0].rubric, first[0].upward) == ("It left on Monday.", 3, RUBRIC, True)
    assert (first[0].reason, first[0].refused) == ("It is rude.", ())
    assert again[0].refused == ("It left today. It is late.", "It is late.")


def test_the_editors_take_turns_and_say_the_same_only_once():
    a, b, c = Texts(["It is late."]), Texts(["It left. It is late."], name="b"), Texts(["It is late."], name="c")
    assert texts_of(proposals(a, b, c), [1]) == [["It is late.", "It left. It is late."]]


@pytest.mark.parametrize("text", ["", "  \n", TURNS[1].content])
def test_nothing_and_the_same_text_are_no_proposals(text):
    assert texts_of(proposals(Texts([text])), [1]) == [[]]


def test_an_editor_that_fails_is_noted_and_the_others_go_on():
    notes = []
    work = proposals(Texts(ModelError("HTTP 418"), name="broken"), Texts(["It is late."]), notes=notes)
    assert texts_of(work, [1]) == [["It is late."]]
    assert notes == ["the editor broken failed: HTTP 418"]


def test_the_failure_of_an_editors_model_is_noted_and_what_it_has_counts():
    notes, editor = [], Texts(["It is late."], name="half")
    editor.error = "HTTP 429"
    assert texts_of(proposals(editor, notes=notes), [1]) == [["It is late."]]
    assert notes == ["the editor half failed: HTTP 429"]


def test_an_editor_with_the_wrong_number_of_answers_is_an_error():
    editor = Texts()
    editor.propose = lambda passages, k: _answer([])

    async def _answer(texts):
        return texts

    with pytest.raises(UsageError, match="editor texts: 0 answers for 1 passages"):
        asyncio.run(proposals(editor).propose([0]))


def test_a_model_that_is_gone_ends_the_search():
    with pytest.raises(UnavailableError, match="gone"):
        asyncio.run(proposals(Texts(UnavailableError("gone"))).propose([0]))
