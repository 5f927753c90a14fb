"""Features: against hidden states of one plain pass over one sequence, on a tiny random model."""

import asyncio
from dataclasses import replace

import pytest
import torch

from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.models.local import LocalModel
from convexplain.errors import HeadError, ModelError, TooLongError
from convexplain.judges.heads import Head, write_head
from convexplain.models.calls import Calls
from convexplain.models.chat import MemoryCache, Message, Request
from convexplain.store import RunStore
from tests.tiny_model import save_tiny, text_of

ASKED = (Message("user", "where is my parcel?"),)
LONGER = (*ASKED, Message("assistant", "the parcel is on its way."), Message("user", "thank you. where is it?"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(folder):
    found = LocalModel(folder)
    asyncio.run(found.prepare())
    return found


def ask(model, *requests):
    return asyncio.run(model.chat(requests))


def by_hand(model, messages, reply, layers):
    """The mean over the reply's tokens, layer after layer."""
    tokens = model._tokenizer(text_of(messages, reply), add_special_tokens=False)["input_ids"]
    start = len(model._tokenizer(text_of(messages), add_special_tokens=False)["input_ids"])
    with torch.inference_mode():
        states = model._model(torch.tensor([tokens]), output_hidden_states=True).hidden_states
    return [value for layer in layers for value in states[layer][0, start:].mean(dim=0).tolist()], len(tokens) - start


@pytest.mark.parametrize(
    ("recipe", "layers"),
    [("mean@-1", [-1]), ("mean@0,1", [0, 1]), ("mean@2,-2", [2, 1]), ("mean@0.5", [1]), ("mean@0.9,0", [2, 0])],
)
def test_features_are_means_of_hidden_states(model, recipe, layers):
    wanted, tokens = by_hand(model, LONGER, "it is on its way to you.", layers)
    (reply,) = ask(model, Request(LONGER, reply="it is on its way to you.", features=recipe))
    assert reply.features == pytest.approx(wanted, rel=1e-3, abs=1e-3)
    assert len(reply.features) == 32 * len(layers)
    assert (reply.reply_tokens, reply.text, reply.logprob) == (tokens, "", None)


def test_a_batch_gives_what_single_requests_give(model):
    replies = ["tomorrow.", "the parcel is on its way to you and will be there tomorrow.", "t"]
    asked = [
        Request(messages, reply=text, features=recipe)
        for messages in (ASKED, LONGER)
        for text in replies
        for recipe in ("mean@-1", "mean@1")
    ]
    together = ask(model, *asked)
    for request, found in zip(asked, together, strict=True):
        layers = [int(request.features.removeprefix("mean@"))]
        assert found.features == pytest.approx(by_hand(model, request.messages, request.reply, layers)[0], abs=2e-3)


def test_features_and_log_probabilities_go_in_one_batch(model):
    asked = Request(ASKED, reply="tomorrow.")
    scored, numbers, worded = ask(model, asked, replace(asked, features="mean@-1"), Request(ASKED, max_tokens=2))
    assert scored.logprob < 0
    assert scored.features is None
    assert numbers.features
    assert worded.features is None


@pytest.mark.parametrize("recipe", ["mean", "mean@", "mean@3", "mean@-4", "last@1", "mean@1,x", "mean@1.5"])
def test_what_is_no_recipe_of_this_model_is_an_error(model, recipe):
    found, good = ask(
        model, Request(ASKED, reply="ok", features=recipe), Request(ASKED, reply="ok", features="mean@-3")
    )
    assert isinstance(found, ModelError)
    assert repr(recipe) in str(found)
    assert good.features


def test_what_is_too_long_is_said_and_the_others_are_answered(model):
    long = Request(ASKED, reply="thank you for asking. " * 200, features="mean@-1")
    found, good = ask(model, long, replace(long, reply="ok"))
    assert isinstance(found, TooLongError)
    assert good.features


def test_features_are_kept_and_asked_for_once(tmp_path):
    store, model = RunStore(str(tmp_path / "runs.db")), ScriptedModel((0.5, -2.0))
    asked = Request(ASKED, reply="ok", features="mean@-1")

    async def twice():
        async with Calls(model, store) as calls:
            return [await calls.ask(asked) for _ in range(2)]

    first, second = asyncio.run(twice())
    assert first.features == second.features == (0.5, -2.0)
    assert len(model.requests) == 1


def test_a_model_without_hidden_states_ends_in_an_error():
    async def once():
        async with Calls(ScriptedModel(-3.0), MemoryCache()) as calls:
            await calls.ask(Request(ASKED, reply="ok", features="mean@-1"))

    with pytest.raises(ModelError, match="gives no hidden states"):
        asyncio.run(once())


def test_requests_without_features_have_the_key_they_had():
    assert Request(ASKED).key("f") == Request(ASKED, features="").key("f")
    assert Request(ASKED, reply="x", features="mean@-1").key("f") != Request(ASKED, reply="x").key("f")


def test_a_head_of_another_model_is_refused_when_it_is_loaded(folder, tmp_path):
    write_head(Head("helpfulness", "0" * 64, "other", "mean@-1", (0.0,) * 32, 0.0), tmp_path / "h.json")
    from convexplain.connectors.models import open_model

    with pytest.raises(HeadError, match="other weights"):
        asyncio.run(open_model(f"local:{folder}?head={tmp_path / 'h.json'}").prepare())
