"""The reference judge's architecture and prompt form: a tiny random Mixtral with Mixtral's own tokenizer."""

import asyncio
import math
import shutil
from pathlib import Path

import pytest
import torch

from convexplain.connectors.models import LocalModel
from convexplain.judges import judge_request
from convexplain.models import Message, Request

# The form that Mistral documents for this model, its strictness included: no system role, strict alternation.
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) or m.role == 'system' %}"
    "{{ raise_exception('only user and assistant, in turn') }}{% endif %}"
    "{% if m.role == 'user' %}{{ ' [INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)


@pytest.fixture(scope="module")
def mixtral(tmp_path_factory):
    import mistral_common
    from transformers import LlamaTokenizer, MixtralConfig, MixtralForCausalLM

    folder = tmp_path_factory.mktemp("mixtral")
    pieces = folder / "pieces" / "tokenizer.model"
    pieces.parent.mkdir()
    shutil.copy(Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1", pieces)
    tokenizer = LlamaTokenizer.from_pretrained(pieces.parent)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = MixtralConfig(
        vocab_size=32_000,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=4,
        max_position_embeddings=4096,
        sliding_window=None,
    )
    MixtralForCausalLM(config).save_pretrained(folder)
    model = LocalModel(folder)
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
    ids = mixtral._encode(request)
    text = mixtral._text(request)
    assert (text.count("[INST]"), text.count("[/INST]"), text.count("<s>")) == (1, 1, 1)
    assert ids.count(1) == 1
    assert ids[0] == 1
    assert ids == encoded(reference, request.messages[0].content, request.opening)


def test_the_label_stands_where_mistral_puts_it(mixtral, reference, talk, helpfulness):
    request = judge_request(helpfulness, talk.turns)
    ids = mixtral._encode(request)
    for label in ("yes", "no"):
        whole = encoded(reference, request.messages[0].content, f'{{"label": "{label}"}}')
        assert whole[: len(ids)] == ids
        assert whole[len(ids)] in mixtral._tokens_by_label(("yes", "no"), "")[label]


def test_without_an_opening_the_prompt_ends_where_the_reply_begins(mixtral, reference):
    request = Request((Message("user", "Is fire hot?"),))
    assert mixtral._encode(request) == encoded(reference, "Is fire hot?")


def test_label_probabilities_are_those_of_a_plain_forward_pass(mixtral, talk, helpfulness):
    requests = [judge_request(helpfulness, talk.turns[:2]), judge_request(helpfulness, talk.turns)]
    replies = asyncio.run(mixtral.chat(requests))
    for request, reply in zip(requests, replies, strict=True):
        ids = mixtral._encode(request)
        with torch.inference_mode():
            p = mixtral._model(torch.tensor([ids])).logits[0, -1].double().softmax(-1)
        for label in ("yes", "no"):
            expected = float(p[mixtral._tokens_by_label(("yes", "no"), "")[label]].sum())
            assert math.exp(reply.labels.logprobs[label]) == pytest.approx(expected, rel=1e-4)
    assert replies[1].cached_tokens > 500  # rubric and first turns


def test_a_label_of_several_words_is_read_with_the_spaces_that_the_tokenizer_drops(mixtral):
    """Its tokens are `part`, `ly`, `▁wrong`; decoded alone the last one has no space."""
    ids = mixtral._tokenizer('"partly wrong', add_special_tokens=False)["input_ids"][1:]
    assert "".join(mixtral._words()[i] for i in ids) == "partly wrong"
    labels = ("partly wrong", "partly right")
    asked = Request((Message("user", "Is it?"),), labels=labels, opening='{"label": "')
    (reply,) = asyncio.run(mixtral.chat([asked]))
    prompt = mixtral._encode(asked)
    with torch.inference_mode():
        logprobs = mixtral._model(torch.tensor([prompt + ids])).logits[0].double().log_softmax(-1)
    path = sum(float(logprobs[len(prompt) - 1 + i, t]) for i, t in enumerate(ids))
    if "partly wrong" in reply.labels.logprobs:  # a random model gives `part` hardly any probability
        assert reply.labels.logprobs["partly wrong"] >= path - 1e-6
    assert sum(math.exp(p) for p in reply.labels.logprobs.values()) <= 1 + 1e-9
