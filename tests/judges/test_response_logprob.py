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
