"""The reference judge's architecture and prompt form: a tiny random Mixtral with Mixtral's own tokenizer."""

import asyncio
import math

import pytest
import torch

from convexplain.connectors.models import LocalModel, label_tokens
from convexplain.judges import judge_request
from convexplain.models.chat import Message, Request

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mixtral(mixtral_folder):
    model = LocalModel(mixtral_folder)
    asyncio.run(model.prepare())
    yield model
    asyncio.run(model.aclose())


@pytest.fixture(scope="module")
def reference():
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer

    return MistralTokenizer.v1()


def encoded(reference, user, assistant=None):
    """Mistral's own encoding; the assistant's message is left open, so no end token follows it."""
    from mistral_common.protocol.instruct.messages import AssistantMessage, UserMessage
    from mistral_common.protocol.instruct.request import ChatCompletionRequest

    messages = [UserMessage(content=user)]
    if assistant is not None:
        messages.append(AssistantMessage(content=assistant, prefix=True))
    return reference.encode_chat_completion(ChatCompletionRequest(messages=messages)).tokens


def test_the_prompt_is_one_user_message_with_one_bos_as_mistral_encodes_it(mixtral, reference, talk, helpfulness):
    request = judge_request(helpfulness, talk.turns)
    ids = mixtral._encoder.encode(request)
    text = mixtral._encoder.text(request)
    assert (text.count("[INST]"), text.count("[/INST]"), text.count("<s>")) == (1, 1, 1)
    assert ids.count(1) == 1
    assert ids[0] == 1
    assert ids == encoded(reference, request.messages[0].content, request.opening)


def test_the_label_stands_where_mistral_puts_it(mixtral, reference, talk, helpfulness):
    request = judge_request(helpfulness, talk.turns)
    ids = mixtral._encoder.encode(request)
    for label in ("yes", "no"):
        whole = encoded(reference, request.messages[0].content, f'{{"label": "{label}"}}')
        assert whole[: len(ids)] == ids
        assert whole[len(ids)] in mixtral._labels.deciding_tokens(("yes", "no"), "")[label]


def test_without_an_opening_the_prompt_ends_where_the_reply_begins(mixtral, reference):
    request = Request((Message("user", "Is fire hot?"),))
    assert mixtral._encoder.encode(request) == encoded(reference, "Is fire hot?")


def test_label_probabilities_are_those_of_a_plain_forward_pass(mixtral, talk, helpfulness):
    requests = [judge_request(helpfulness, talk.turns[:2]), judge_request(helpfulness, talk.turns)]
    replies = asyncio.run(mixtral.chat(requests))
    for request, reply in zip(requests, replies, strict=True):
        ids = mixtral._encoder.encode(request)
        with torch.inference_mode():
            p = mixtral._model(torch.tensor([ids])).logits[0, -1].double().softmax(-1)
        for label in ("yes", "no"):
            expected = float(p[mixtral._labels.deciding_tokens(("yes", "no"), "")[label]].sum())
            assert math.exp(reply.labels.logprobs[label]) == pytest.approx(expected, rel=1e-4)
    assert replies[1].cached_tokens > 500  # rubric and first turns


def test_a_label_of_several_words_is_read_with_the_spaces_that_the_tokenizer_drops(mixtral, monkeypatch):
    """Its tokens are `part`, `ly`, `▁wrong`; decoded alone the last one has no space."""
    ids = mixtral._tokenizer('"partly wrong', add_special_tokens=False)["input_ids"][1:]
    assert "".join(mixtral._labels.token_texts[i] for i in ids) == "partly wrong"
    labels = ("partly wrong", "partly right")
    asked = Request((Message("user", "Is it?"),), labels=labels, opening='{"label": "')
    prompt = mixtral._encoder.encode(asked)
    with torch.inference_mode():
        logprobs = mixtral._model(torch.tensor([prompt + ids])).logits[0].double().log_softmax(-1)
    path = sum(float(logprobs[len(prompt) - 1 + i, t]) for i, t in enumerate(ids))
    # A random model gives every token about 1/32,000: nothing is negligible, and only this path is followed.
    monkeypatch.setattr(label_tokens, "_NEGLIGIBLE", 0.0)
    followed = mixtral._labels.deciding_tokens

    def one_path(names, before):
        table = dict(followed(names, before))
        table[""] = [t for t in table[""] if t in ids]
        return table

    monkeypatch.setattr(mixtral._labels, "deciding_tokens", one_path)
    (reply,) = asyncio.run(mixtral.chat([asked]))
    # The label ends with its last token; a shorter one that only begins "wrong" decides as well.
    assert reply.labels.logprobs["partly wrong"] >= path
    assert reply.labels.logprobs["partly wrong"] == pytest.approx(path, abs=3)
    assert set(reply.labels.logprobs) == set(labels)
