"""The log-probability of the logged response as what is attributed."""

import asyncio
from dataclasses import replace

import pytest

from convexplain import Conversation, Turn
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.models.local import LocalModel
from convexplain.errors import TransientError, UnavailableError
from convexplain.explain.scalarizers import Scalar, TurnValues
from convexplain.judges.response_logprob import ResponseLogprob
from convexplain.models.calls import Calls
from convexplain.models.chat import MemoryCache, Message
from convexplain.types import Unit
from tests.tiny_model import save_tiny, text_of, token_logprobs


def values(model, *asked, cache=None, **options):
    async def go():
        await model.prepare()
        async with Calls(model, cache, **options) as calls:
            scalarizer = ResponseLogprob(calls)
            return await asyncio.gather(*(scalarizer.value(*one) for one in asked))

    return asyncio.run(go())


def test_it_says_what_its_numbers_are():
    scalarizer = ResponseLogprob(Calls(ScriptedModel(-1.0)))
    assert (scalarizer.name, scalarizer.question) == ("logprob", "rescore")


def test_it_is_that_of_the_logged_response_after_the_turns_before_it(talk):
    model = ScriptedModel(lambda request: -float(len(request.messages)))
    assert values(model, (talk, 1), (talk, 3)) == [Scalar(-1.0), Scalar(-3.0)]
    first, second = model.requests
    assert first.messages == (Message("user", "Where is my parcel?"),)
    assert first.reply == "It left our depot on Monday and arrives tomorrow."
    assert [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert second.reply == "Bananas are yellow."


def test_the_turns_are_laid_out_as_for_a_regenerated_answer():
    """A tool's turn comes from the user, and turns of one role in a row are joined."""
    turns = (Turn("system", "Be kind."), Turn("user", "Hello"), Turn("tool", "42"), Turn("assistant", " Hi \n"))
    model = ScriptedModel(-1.0)
    values(model, (Conversation("c", turns), 3))
    (asked,) = model.requests
    assert asked.messages == (Message("system", "Be kind."), Message("user", "Hello\n42"))
    assert asked.reply == " Hi \n"


def test_what_was_asked_before_is_not_asked_again(talk):
    model, cache = ScriptedModel(-2.0), MemoryCache()
    assert values(model, (talk, 1), (talk, 1), cache=cache) == [Scalar(-2.0)] * 2
    assert values(model, (talk, 1), cache=cache) == [Scalar(-2.0)]
    assert len(model.requests) == 1


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_response_has_no_value(talk, content):
    model = ScriptedModel(-1.0)
    empty = replace(talk, turns=(talk.turns[0], Turn("assistant", content)))
    assert values(model, (empty, 1)) == [Scalar(None, "the reply is empty")]
    assert model.requests == []


def test_a_model_that_cannot_score_leaves_no_value_and_says_why(talk):
    (found,) = values(ScriptedModel("words"), (talk, 1))
    assert found.value is None
    assert found.note.startswith(
        "no log-probability of the response: scripted does not give the log-probability of a given reply"
    )


def test_a_failure_that_lasts_leaves_no_value_and_a_model_that_is_gone_is_an_error(talk):
    (found,) = values(ScriptedModel(TransientError("busy")), (talk, 1), patience=0)
    assert found == Scalar(None, "no log-probability of the response: busy")
    with pytest.raises(UnavailableError, match="no route"):
        values(ScriptedModel(UnavailableError("no route")), (talk, 1))


def test_removing_a_unit_changes_the_value_by_what_the_model_says(tmp_path):
    """By a tiny random model: the reply's tokens added up by hand, after the whole question and after a part of it."""
    model = LocalModel(save_tiny(tmp_path))
    talk = Conversation("c", (Turn("user", "hello. where is my parcel?"), Turn("assistant", "on its way 😀")))

    async def go():
        await model.prepare()
        async with Calls(model) as calls:
            measured = TurnValues(talk, ResponseLogprob(calls))
            return await measured.values([frozenset(), frozenset({Unit(0, 0, 7, "sentence")})])

    found = asyncio.run(go())
    expected = []
    for question in ("hello. where is my parcel?", "where is my parcel?"):
        messages = (Message("user", question),)
        start = len(model._tokenizer(text_of(messages))["input_ids"])
        expected.append(sum(token_logprobs(model, text_of(messages, "on its way 😀"))[1][start:]))
    assert found == pytest.approx(expected, abs=1e-4)
    assert abs(found[0] - found[1]) > 0.1


SPAN = "on its way 😀 to you."


def test_the_value_of_a_span_is_that_of_its_tokens_after_what_stands_before_it(tmp_path):
    """By a tiny random model: the tokens of "to you." added up by hand, after the question and the words before."""
    model = LocalModel(save_tiny(tmp_path))
    messages = (Message("user", "where is my parcel?"),)
    talk = Conversation("c", (Turn("user", "where is my parcel?"), Turn("assistant", f"{SPAN} bye.")))
    start = SPAN.index(" to")

    async def go():
        await model.prepare()
        async with Calls(model) as calls:
            return await ResponseLogprob(calls).of_span(start + 1, len(SPAN)).value(talk, 1)

    found = asyncio.run(go())
    ids, logprobs = token_logprobs(model, text_of(messages, SPAN))
    before = len(token_logprobs(model, text_of(messages, SPAN[:start]))[0])
    assert found.value == pytest.approx(sum(logprobs[before:]), abs=1e-4)
    assert 0 < len(ids) - before < 8


def test_a_span_at_the_beginning_needs_one_call_and_another_two(talk):
    model = ScriptedModel(lambda request: -float(len(request.reply)))
    content = talk.turns[1].content

    async def go():
        async with Calls(model) as calls:
            spans = [(0, 2), (3, 7), (3, len(content))]
            return [(await ResponseLogprob(calls).of_span(*span).value(talk, 1)).value for span in spans]

    # "It", then " left" after "It", then all after "It", which is asked for once.
    assert asyncio.run(go()) == [-2.0, -5.0, 2.0 - len(content)]
    assert [request.reply for request in model.requests] == ["It", "It left", content]


def test_the_gradient_of_a_span_is_the_difference_of_two(talk):
    class Linear(ScriptedModel):
        async def unit_gradients(self, messages, reply, spans):
            return [float(len(reply)) for _ in spans]

    async def go():
        async with Calls(Linear(-1.0)) as calls:
            scalarizer = ResponseLogprob(calls).of_span(3, 7)
            return await scalarizer.gradients(talk.until(1), [Unit(0, 0, 5, "word"), Unit(1, 0, 2, "word")])

    assert asyncio.run(go()) == [5.0, 0.0]  # "It left" less "It"; the reply itself is no part of its prompt
