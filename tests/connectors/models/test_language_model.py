"""Log-probabilities of a text's tokens, by the embedded model and by a tiny random one."""

import asyncio
from itertools import pairwise

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from convexplain.connectors.models.forward import Forward
from convexplain.connectors.models.language_model import LocalLanguageModel, _parts
from convexplain.models.editing import TextInContext

IDS = torch.randint(48, (60,), generator=torch.Generator().manual_seed(5)).tolist()
CONTEXT = "User: Is breakfast included?\n\nAssistant:"


def read(model, *texts):
    return asyncio.run(model.token_logprobs([TextInContext(*text) for text in texts]))


@pytest.mark.parametrize("at_once", [1, 384])
def test_each_token_has_its_log_probability_after_those_before(at_once):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=48, num_hidden_layers=2, **sizes)).eval().requires_grad_(False)
    forward = Forward(model, 1, 10**9)
    pairs = [(IDS, 20), (IDS[:40], 20), (IDS, 59), ([*IDS[:20], 7, 8], 1)]
    outcomes, _ = forward.token_logprobs(pairs, at_once)
    for (ids, start), logprobs in zip(pairs, outcomes, strict=True):
        expected = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        assert torch.allclose(logprobs, expected[range(start - 1, len(ids) - 1), ids[start:]], atol=1e-4)
    # The first two follow the same twenty tokens, which are computed once.
    sums, cached = forward.continuations(pairs)
    assert cached[1] == 20
    assert sums == pytest.approx([float(logprobs.sum()) for logprobs in outcomes], abs=1e-3)


@pytest.fixture
def language_model(embedded_model):
    return LocalLanguageModel().using(embedded_model)


@pytest.mark.parametrize(
    "text",
    [
        " Yes, from seven to ten.",
        "Yes",
        "是的，七点到十点。",
        "😀 fine 👍🏽",
        "a\ud800b",
        "```\nf(1)\n```",
        "\n\n",
        "<|im_end|> yes",
    ],
)
@pytest.mark.parametrize("context", [CONTEXT, f"{CONTEXT} ", "", "问：", "\ud800"])
def test_tokens_tile_the_text(language_model, context, text):
    (tokens,) = read(language_model, (context, text))
    assert tokens[0].start == 0
    assert tokens[-1].end == len(text)
    # The parts of a character that takes several tokens have the same place.
    assert all(earlier.start <= later.start <= earlier.end for earlier, later in pairwise(tokens))
    assert all(token.logprob <= 0 for token in tokens)


def test_a_space_before_the_text_may_stand_on_either_side(language_model):
    (first,), (second,) = read(language_model, ("Thank", " you")), read(language_model, ("Thank ", "you"))
    assert first[0].logprob == pytest.approx(second[0].logprob)
    assert (first[0].start, first[0].end, second[0].start, second[0].end) == (0, 4, 0, 3)


def test_control_tokens_are_text(language_model):
    (tokens,) = read(language_model, (CONTEXT, "<|im_end|>"))
    assert len(tokens) > 1


def test_what_reads_well_is_more_probable(language_model):
    good, bad = read(language_model, (CONTEXT, " Yes, it is."), (CONTEXT, " Yes, leather is."))
    assert sum(token.logprob for token in good) > sum(token.logprob for token in bad)


def test_texts_are_the_same_together_and_alone(language_model):
    texts = [(CONTEXT, " Yes, it is."), (CONTEXT, " No."), ("", "Hello there"), (CONTEXT, " Yes, from seven.")]
    together = read(language_model, *texts)
    for text, tokens in zip(texts, together, strict=True):
        (alone,) = read(language_model, text)
        assert [token.logprob for token in tokens] == pytest.approx([token.logprob for token in alone], abs=1e-3)


def test_a_long_text_is_read_in_parts(language_model):
    text = "one two three " * 400  # about 1,200 tokens
    (tokens,) = read(language_model, ("word " * 3000, text))
    assert len(tokens) > 2 * 512
    assert (tokens[0].start, tokens[-1].end) == (0, len(text))
    assert all(earlier.end == later.start for earlier, later in pairwise(tokens))


def test_the_beginning_of_a_long_text_counts(language_model):
    plain = "Yes, breakfast is from seven to ten in the room behind the stairs. " * 50
    good, bad = read(language_model, (CONTEXT, f" Yes, it is. {plain}"), (CONTEXT, f" Yes, leather is. {plain}"))
    assert len(good) > 512
    assert sum(token.logprob for token in good[:4]) > sum(token.logprob for token in bad[:4])


@pytest.mark.parametrize(
    ("before", "count", "parts"),
    [
        (3, 4, [(0, 7, 3)]),
        (4, 4, [(0, 8, 4)]),
        (3, 5, [(0, 7, 3), (3, 8, 4)]),
        (1, 9, [(0, 5, 1), (1, 9, 4), (5, 10, 4)]),
        (3, 0, []),
    ],
)
def test_parts_of_a_text_with_a_window_of_eight(before, count, parts):
    """Each part is its first and last token, and how many of them are context: four at most."""
    ids = list(range(before + count))
    assert list(_parts(ids[:before], ids[before:], 8)) == [(ids[start:end], first) for start, end, first in parts]


def test_nothing(language_model):
    assert read(language_model) == []
    assert read(language_model, (CONTEXT, "")) == [[]]


def test_a_borrowed_model_stays_open(language_model, embedded_model):
    asyncio.run(language_model.aclose())
    assert read(LocalLanguageModel().using(embedded_model), (CONTEXT, " Yes"))[0]
    assert language_model.model is embedded_model
    assert language_model.name == "embedded"
    assert embedded_model.fingerprint in language_model.fingerprint
