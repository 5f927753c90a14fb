"""Scalarizers of texts alone, with responders and similarities that say what a test wants."""

import asyncio
import math
import threading
import time

import pytest

from convexplain import Conversation, Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.explain.scalarizers import Scalar, TurnValues
from convexplain.judges.similarity import NLILogOdds, ResponseSimilarity
from convexplain.models.calls import Calls
from convexplain.models.chat import Reply
from convexplain.text.segmentation import segment


class Overlap:
    """The share of the original's words that are in the response; takes a while."""

    name = "overlap"

    def __init__(self, seconds=0.0, answers=None):
        self.seconds = seconds
        self.answers = answers or {}
        self.asked = []
        self.threads = set()
        self.most_at_once = 0
        self._at_once = 0

    def __call__(self, original, responses):
        self.asked.append((original, list(responses)))
        self.threads.add(threading.current_thread())
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self.seconds)
        self._at_once -= 1
        words = set(original.split())
        return [self.answers.get(text, len(words & set(text.split())) / len(words)) for text in responses]


def talk(said):
    """Ends with an answer of the log, which does not count."""
    return Conversation("c", (Turn("user", said), Turn("assistant", "as logged")))


def last_message(request):
    return request.messages[-1].content


def values(similarity, *talks, answer=last_message, original=None, one_by_one=False):
    """The scalars of conversations, asked for together, and the model."""
    model = ScriptedModel(answer)

    async def go():
        async with Calls(model, patience=0) as calls:
            scalarizer = ResponseSimilarity(calls, similarity, original)
            asked = [scalarizer.value(one, len(one.turns) - 1) for one in talks]
            return [await one for one in asked] if one_by_one else await asyncio.gather(*asked)

    return asyncio.run(go()), model


@pytest.mark.parametrize("one_by_one", [True, False])
def test_each_answer_is_compared_with_the_one_to_the_conversation_that_came_first(one_by_one):
    # The responder repeats what it is told: a b c d, of which b c and d x share 2 and 1 of 4 words.
    similarity = Overlap()
    found, model = values(similarity, talk("a b c d"), talk("b c"), talk("d x"), talk("x"), one_by_one=one_by_one)
    assert found == [Scalar(1.0), Scalar(0.5), Scalar(0.25), Scalar(0.0)]
    assert {original for original, _ in similarity.asked} == {"a b c d"}
    assert len(model.requests) == 4  # the first answer was not asked for twice


def test_the_responder_is_given_what_comes_before_the_turn():
    conversation = Conversation(
        "c", (Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c"), Turn("assistant", "d"))
    )
    _, model = values(Overlap(), conversation)
    assert [[message.content for message in request.messages] for request in model.requests] == [["a", "b", "c"]]


def test_a_given_original_is_compared_with():
    found, model = values(Overlap(), talk("a b"), talk("b z"), original="z y x w")
    assert found == [Scalar(0.0), Scalar(0.25)]
    assert len(model.requests) == 2


@pytest.mark.parametrize("original", ["", " \n"])
def test_an_original_without_text_is_refused(original):
    with pytest.raises(UsageError, match=r"original=.* is not valid"):
        values(Overlap(), talk("a"), original=original)


def test_name_and_question():
    async def go():
        scalarizer = ResponseSimilarity(Calls(ScriptedModel("a")), Overlap())
        return scalarizer.name, scalarizer.question

    assert asyncio.run(go()) == ("overlap", "regenerate")


def test_what_arrives_together_is_compared_together_in_a_thread_one_at_a_time():
    similarity = Overlap(seconds=0.05)
    found, _ = values(similarity, talk("a b"), *(talk(f"a {i}") for i in range(20)), talk("a 3"))
    assert found == [Scalar(1.0)] + [Scalar(0.5)] * 21
    assert similarity.most_at_once == 1
    assert len(similarity.asked) <= 3
    compared = [text for _, texts in similarity.asked for text in texts]
    assert sorted(compared) == sorted(["a b", *(f"a {i}" for i in range(20))])  # the same answer once
    assert threading.current_thread() not in similarity.threads


def test_the_event_loop_goes_on_while_texts_are_compared():
    told = threading.Event()

    class Waits(Overlap):
        def __call__(self, original, responses):
            assert told.wait(10)
            return super().__call__(original, responses)

    async def go():
        async with Calls(ScriptedModel("a")) as calls:
            asked = asyncio.create_task(ResponseSimilarity(calls, Waits()).value(talk("x"), 1))
            await asyncio.sleep(0.05)
            assert not asked.done()
            told.set()
            return await asked

    assert asyncio.run(go()) == Scalar(1.0)


def failing(request):
    said = request.messages[-1].content
    answers = {"refused": ModelError("not that"), "silent": " \n", "long": Reply("a b", truncated=True)}
    return answers.get(said, "a b")


def test_an_answer_that_cannot_be_had_has_no_value():
    found, _ = values(Overlap(), talk("x"), talk("refused"), talk("silent"), talk("long"), answer=failing)
    assert found == [
        Scalar(1.0),
        Scalar(None, "no response: not that"),
        Scalar(None, "the responder gave an empty answer"),
        Scalar(1.0, "a regenerated answer was cut after 256 tokens"),
    ]


@pytest.mark.parametrize(
    ("first", "note"),
    [
        ("refused", "no response: not that"),
        ("silent", "the responder gave an empty answer to the unperturbed conversation"),
    ],
)
def test_without_an_original_there_is_no_value_and_no_other_takes_its_place(first, note):
    similarity = Overlap()
    for one_by_one in (True, False):
        found, _ = values(similarity, talk(first), talk("x"), talk("y"), answer=failing, one_by_one=one_by_one)
        assert found == [Scalar(None, note)] * 3
    assert similarity.asked == []


def test_a_responder_that_is_gone_ends_it():
    with pytest.raises(UnavailableError, match="no server"):
        values(Overlap(), talk("x"), answer=UnavailableError("no server"))


def test_a_similarity_whose_model_is_not_there_ends_it():
    class Gone(Overlap):
        def __call__(self, original, responses):
            raise UnavailableError("no weights")

    with pytest.raises(UnavailableError, match="no weights"):
        values(Gone(), talk("x"), talk("y"))


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_a_similarity_that_cannot_be_had_is_missing(missing):
    found, _ = values(Overlap(answers={"b": missing}), talk("a"), talk("b"), talk("a c"))
    assert found == [Scalar(1.0), Scalar(None, "overlap has no value for a response"), Scalar(1.0)]


@pytest.mark.parametrize("text", ["🙂 \u200d", "</s> <|im_end|>", "\ud800", "w " * 5000])
def test_answers_of_any_kind_arrive_as_they_are(text):
    similarity = Overlap()
    values(similarity, talk("x"), answer=text)
    assert similarity.asked == [(text.strip(), [text.strip()])]


def test_values_of_a_turn_without_some_units():
    # The responder repeats both sentences; without one of them 2 of 4 words are left, without both it repeats its own.
    conversation = Conversation("c", (Turn("user", "One two. Three four."), Turn("assistant", "as logged")))
    first, second = segment(conversation.turns[0].content, "sentence", 0)

    async def go():
        async with Calls(ScriptedModel(last_message)) as calls:
            turn = TurnValues(conversation, ResponseSimilarity(calls, Overlap()))
            return await turn.values([frozenset(), frozenset({first}), frozenset({second}), frozenset({first, second})])

    assert asyncio.run(go()) == [1.0, 0.5, 0.5, 0.0]


class Inference:
    name = "nli:scripted"

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def entailment(self, pairs):
        self.asked.append(pairs)
        return [self.answers[pair] for pair in pairs]


def test_log_odds_of_entailment_are_the_mean_of_both_directions():
    model = Inference({("o", "a"): 0.9, ("a", "o"): 0.5, ("o", "b"): 0.2, ("b", "o"): 0.8})
    # ln(0.9 / 0.1) = ln 9 = 2.197225 and ln 1 = 0; ln(0.2 / 0.8) = −ln 4 and ln 4
    found = NLILogOdds(model)("o", ["a", "b", "a"])
    assert found == pytest.approx([2.197225 / 2, 0.0, 2.197225 / 2], abs=1e-6)
    assert model.asked == [[("o", "a"), ("a", "o"), ("o", "b"), ("b", "o")]]  # the same response once
    assert NLILogOdds(model).name == "nli:scripted"


def test_log_odds_stay_finite():
    model = Inference(
        {("o", "a"): 1.0, ("a", "o"): 1.0, ("o", "b"): 0.0, ("b", "o"): 0.0, ("o", "c"): 1.0, ("c", "o"): 0}
    )
    # ln((1 − 1e-9) / 1e-9) = 9 · ln 10 = 20.723266
    assert NLILogOdds(model)("o", ["a", "b", "c"]) == pytest.approx([20.723266, -20.723266, 0.0], abs=1e-5)


@pytest.mark.parametrize("missing", [None, math.nan])
def test_log_odds_need_both_directions(missing):
    model = Inference({("o", "a"): missing, ("a", "o"): 0.5, ("o", "b"): 0.5, ("b", "o"): missing})
    assert NLILogOdds(model)("o", ["a", "b"]) == [None, None]


def test_empty_texts_have_no_log_odds_and_are_not_asked_about():
    model = Inference({("o", "a"): 0.5, ("a", "o"): 0.5})
    assert NLILogOdds(model)("o", ["", "a", " \n"]) == [None, 0.0, None]
    assert NLILogOdds(model)(" ", ["a", ""]) == [None, None]
    assert NLILogOdds(model)("o", []) == []
    assert len(model.asked) == 1


def test_marks_in_the_texts_reach_no_model():
    model = Inference({("‹/s› o", "a\ufffd"): 0.5, ("a\ufffd", "‹/s› o"): 0.5})
    assert NLILogOdds(model)("</s> o", ["a\ud800"]) == [0.0]
