"""Batches, padding and shared beginnings, against plain forward passes of a tiny random model."""

from itertools import chain
from typing import ClassVar

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version
from transformers import LlamaConfig, LlamaForCausalLM

from convexplain.connectors.models.forward import Forward
from convexplain.connectors.models.prefix_tree import WORTH_SHARING, PrefixTree, common_length
from convexplain.errors import ModelError, TooLongError, UnavailableError

pytestmark = pytest.mark.slow

VOCABULARY = 48


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
    )
    return LlamaForCausalLM(config).eval().requires_grad_(False)


def plain(model, ids):
    """The last token's logits and hidden state by one forward pass over one prompt."""
    with torch.inference_mode():
        output = model(torch.tensor([ids]), output_hidden_states=True)
    return output.logits[0, -1], output.hidden_states[-1][0, -1]


def family(seed, *lengths):
    """Prompts that begin alike: each follows the one before for `lengths[i]` tokens and then goes its own way."""
    generator = torch.Generator().manual_seed(seed)
    made = [torch.randint(VOCABULARY, (40,), generator=generator).tolist()]
    for i, shared in enumerate(lengths):
        own = torch.randint(VOCABULARY, (3 + 7 * i,), generator=generator).tolist()
        made.append(made[-1][:shared] + own)
    return made


# A prompt is made of a few pieces, so that many prompts begin alike, end where another goes on, or are equal.
PIECES = [torch.randint(VOCABULARY, (n,), generator=torch.Generator().manual_seed(n)).tolist() for n in (1, 5, 17, 30)]
PROMPTS = st.lists(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(lambda some: list(chain(*some))), max_size=7
)


@settings(deadline=None, max_examples=60)
@given(
    calls=st.lists(PROMPTS, min_size=1, max_size=3),
    at_once=st.sampled_from([1, 40, 10_000]),
    kept=st.sampled_from([0, 20_000, 10**9]),
)
def test_any_batch_gives_what_each_prompt_gives_alone(model, calls, at_once, kept):
    forward = Forward(model, at_once, kept)
    for prompts in calls:
        found, known = forward.last(prompts)
        for ids, logits, shared in zip(prompts, found, known, strict=True):
            assert torch.allclose(logits, plain(model, ids)[0], atol=1e-4)
            assert 0 <= shared < len(ids)


def test_what_is_shared_is_computed_once_within_a_call_and_between_calls(model):
    first, second, third = family(2, 30, 25)
    forward = Forward(model, 10_000, 10**9)
    assert forward.last([first, second])[1] == [0, 30]
    assert forward.last([third])[1] == [25]
    assert forward.last([third])[1] == [25]  # ten tokens are not worth a node, so they are computed again
    forward.free()
    assert forward.last([third])[1] == [0]


def test_nothing_is_kept_beyond_the_budget(model):
    prompts = family(3, 30, 25)
    forward = Forward(model, 10_000, 0)
    forward.last(prompts)
    assert forward.last(prompts)[1] == [0, 30, 25]  # known within the call only


def test_endings_that_are_not_to_be_kept_are_not(model):
    first, second = family(4, 30)
    forward = Forward(model, 10_000, 10**9)
    forward.last([first])
    forward.last([second], keep=False)
    assert forward.last([second])[1] == [30]


def test_a_continuation_is_the_sum_of_its_tokens(model):
    ids = family(5)[0]
    with torch.inference_mode():
        logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = sum(float(logprobs[i - 1, ids[i]]) for i in range(33, 40))
    assert Forward(model, 100, 10**9).continuations([(ids, 33)])[0] == [pytest.approx(expected, abs=1e-4)]


def greedy(stop_after):
    return lambda i, new, logits: int(logits.argmax()) if len(new) < stop_after[i] else None


def test_continuing_together_makes_the_tokens_that_continuing_alone_makes(model):
    prompts = family(6, 30, 17, 20)
    lengths = [5, 0, 9, 2]
    alone = [Forward(model, 1, 0).generate([ids], greedy([n]))[0][0] for ids, n in zip(prompts, lengths, strict=True)]
    together, known = Forward(model, 10_000, 10**9).generate(prompts, greedy(lengths))
    assert together == alone
    assert [len(new) for new in together] == lengths
    assert known == [0, 30, 17, 17]  # three more tokens are shared, too few to be worth a node
    expected = list(prompts[2])
    for _ in range(9):  # and by whole forward passes
        expected.append(int(plain(model, expected)[0].argmax()))
    assert together[2] == expected[len(prompts[2]) :]


class Cramped:
    """The model on a machine whose memory takes so many token positions in one forward pass."""

    def __init__(self, model, most):
        self.model, self.most, self.refused = model, most, 0

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __call__(self, **inputs):
        if inputs["attention_mask"].numel() > self.most:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore words.")
        return self.model(**inputs)


def test_when_the_memory_does_not_suffice_the_batch_is_halved_and_nothing_is_lost(model):
    prompts = [family(seed)[0] for seed in range(10, 18)]
    cramped = Cramped(model, 2 * 40)
    forward = Forward(cramped, 10_000, 10**9)
    found, _ = forward.last(prompts)
    for ids, logits in zip(prompts, found, strict=True):
        assert torch.allclose(logits, plain(model, ids)[0], atol=1e-4)
    assert forward.tokens_at_once < 10_000
    made, _ = forward.generate(prompts, greedy([3] * 8))
    assert made == Forward(model, 1, 0).generate(prompts, greedy([3] * 8))[0]


def test_a_prompt_that_is_too_much_alone_fails_alone(model):
    short, longer = family(20, 0)[1], family(20)[0]
    found, _ = Forward(Cramped(model, 30), 10_000, 10**9).last([longer, short, longer[:35] + short])
    assert isinstance(found[0], TooLongError)
    assert str(found[0]) == (
        "the prompt is too long for the memory there is: CUDA out of memory. Tried to allocate 2.00 GiB."
    )
    assert torch.allclose(found[1], plain(model, short)[0], atol=1e-4)
    assert isinstance(found[2], TooLongError)  # it begins like the one that failed


def test_other_errors_of_the_model_are_not_taken_for_a_lack_of_memory(model):
    def broken(**inputs):
        raise RuntimeError("shapes do not fit")

    broken.forward, broken.get_input_embeddings = model.forward, model.get_input_embeddings
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        Forward(broken, 100, 0).last([[1, 2, 3]])


def test_when_it_is_stopped_nothing_half_made_comes_back(model):
    forward = Forward(model, 1, 10**9)

    def stop_after_two(i, new, logits):
        if len(new) == 2:
            forward.stop.set()
        return 1

    with pytest.raises(ModelError, match="cancelled"):
        forward.generate([family(7)[0]], stop_after_two)
    with pytest.raises(ModelError, match="cancelled"):
        forward.last([[1, 2, 3]])
    forward.stop.clear()
    (logits,), _ = forward.last([[1, 2, 3]])
    assert torch.allclose(logits, plain(model, [1, 2, 3])[0], atol=1e-4)


class Spread:
    """A model over two devices: an index of positions from the first is refused by the last."""

    hf_device_map: ClassVar = {"model.embed_tokens": 0, "lm_head": 1}

    def __init__(self, model):
        self.model = model

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __call__(self, **inputs):
        assert isinstance(inputs["logits_to_keep"], int)
        return self.model(**inputs)


def test_a_model_over_several_devices_gives_the_same(model):
    prompts = family(8, 30, 17, 20)
    found, _ = Forward(Spread(model), 10_000, 10**9).last(prompts)
    for ids, logits in zip(prompts, found, strict=True):
        assert torch.allclose(logits, plain(model, ids)[0], atol=1e-4)


INSTALLED = "cache" if Version(transformers.__version__) >= Version("5.24") else "past_key_values"


class Renamed:
    """The model as another version of transformers has it."""

    def __init__(self, model, forward):
        self.model, self.forward = model, forward

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __call__(self, **inputs):
        return self.forward(**inputs)


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_keys_and_values_are_given_by_the_name_that_the_model_has_for_them(model, name):
    def newer(*, cache, **inputs):
        return model(**inputs, **{INSTALLED: cache})

    def older(*, past_key_values, **inputs):
        return model(**inputs, **{INSTALLED: past_key_values})

    renamed = Renamed(model, newer if name == "cache" else older)
    prompts = family(21, 30, 25)
    forward = Forward(renamed, 10_000, 10**9)
    found, known = forward.last(prompts)
    assert known == [0, 30, 25]
    for ids, logits in zip(prompts, found, strict=True):
        assert torch.allclose(logits, plain(model, ids)[0], atol=1e-4)
    expected = list(prompts[0])
    for _ in range(4):
        expected.append(int(plain(model, expected)[0].argmax()))
    (made,), _ = forward.generate(prompts[:1], greedy([4]))
    assert made == expected[len(prompts[0]) :]


def test_a_model_that_takes_no_keys_and_values_is_refused(model):
    def forward(**inputs):  # GPT-1's, in short: it swallows what it does not know
        return model(input_ids=inputs["input_ids"])

    with pytest.raises(UnavailableError, match="llama takes no keys and values"):
        Forward(Renamed(model, forward), 100, 0)


def test_no_position_lies_beyond_the_longest_prompt(model):
    """Padding has positions too: a model with as many as its window has no more."""
    seen = []

    def watched(**inputs):
        positions = inputs["position_ids"]
        seen.append(int(positions.max()))
        return model(**inputs)

    watched.forward, watched.get_input_embeddings = model.forward, model.get_input_embeddings
    short, longer = family(19)[0][:5], family(9)[0]
    forward = Forward(watched, 10_000, 10**9)
    forward.last([short, longer])
    forward.last([longer + short, longer + longer])  # a short and a long ending after the same beginning
    assert seen == [39, 79]
    forward.generate([short, longer], greedy([6, 1]))
    assert max(seen[2:]) == 40  # 39 and one more; the short one ends at 9


@pytest.mark.parametrize(
    ("left", "right", "length"),
    [
        ([], [], 0),
        ([1], [], 0),
        ([1], [2], 0),
        ([1, 2], [1, 3], 1),
        ([1, 2], [1, 2, 3], 2),
        ([1, 2, 3, 4], [1, 2, 3, 5], 3),
    ],
)
def test_common_beginning(left, right, length):
    assert common_length(left, right) == length


def keep(tree, *prompts):
    """Inserts and "computes": one layer of one head, keys and values the tokens themselves."""
    tree.next_call()
    leaves = [tree.insert(ids) for ids in prompts]
    for leaf in leaves:
        for node in leaf.path():
            if not node.keys_values:
                node.keys_values = [torch.tensor(node.tokens, dtype=torch.float32).reshape(1, -1, 1)] * 2
    return leaves


def path_tokens(leaf):
    return [t for node in leaf.path() for t in node.tokens]


A, B, C = list(range(20)), [50, 51, 52], [60, 61]


def test_a_common_beginning_becomes_a_node_of_its_own():
    tree = PrefixTree()
    (first,) = keep(tree, A + B)
    (second,) = keep(tree, A + C)
    assert [list(node.tokens) for node in first.path()] == [A, B]
    assert [list(node.tokens) for node in second.path()] == [A, C]
    assert first.parent is second.parent
    assert first.parent.keys_values[0].flatten().tolist() == A
    assert (first.start, first.end) == (20, 23)


def test_a_short_common_beginning_is_not_worth_a_node():
    tree = PrefixTree()
    short = A[: WORTH_SHARING - 1]
    first, second = keep(tree, short + B, short + C)
    assert (len(first.path()), len(second.path())) == (1, 1)


def test_the_last_token_of_a_known_prompt_is_a_leaf_of_its_own():
    tree = PrefixTree()
    keep(tree, A)
    (again,) = keep(tree, A)
    assert list(again.tokens) == A[-1:]
    assert path_tokens(again) == A


def test_the_least_recently_used_goes_first_and_what_is_in_use_stays():
    tree = PrefixTree()
    keep(tree, A + B)
    keep(tree, A + C)
    size = (20 + 3 + 2) * 2 * 4  # tokens, keys and values, bytes
    tree.next_call()
    tree.shrink(size)
    assert tree.insert([*A, *B, 1]).start == 23  # nothing had to go
    tree.next_call()
    tree.shrink(size - 1)
    tree.next_call()
    assert tree.insert([*A, *C, 1]).start == 20  # A + C was used longest ago
    tree.shrink(0)
    assert tree.insert([*A, *B, 2]).start == 20  # A is in use, B is not


def test_a_conversation_of_thousands_of_turns_is_no_deeper_than_python_can_go():
    tree, ids = PrefixTree(), []
    for turn in range(2_000):
        ids = [*ids, *([turn] * WORTH_SHARING)]
        keep(tree, [*ids, -1])
    tree.next_call()
    tree.shrink(0)
    assert tree.insert([0] * 20).start == 0  # all of it could be dropped


def hidden(model, ids, start, layers):
    """The hidden states of `ids[start:]` by one plain pass."""
    with torch.inference_mode():
        states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
    return torch.stack([states[layer][0, start:] for layer in layers])


def passes(forward):
    """The tokens of the rows of each later pass for hidden states."""
    lengths = []
    run = forward._pass.states

    def counted(nodes, layers, *, keep=False):
        lengths.append(sorted(len(node.tokens) for node in nodes))
        return run(nodes, layers, keep=keep)

    forward._pass.states = counted
    return lengths


@pytest.mark.parametrize("layers", [[2], [0, 1], [-1], [1, 3]])
@pytest.mark.parametrize("cache_bytes", [0, 10**9])
@pytest.mark.parametrize("beginning", [0, 5, 20, 30])  # tokens of the first context; the second shares 20 of them
def test_states_are_the_same_whether_what_stands_before_is_shared_or_not(model, layers, cache_bytes, beginning):
    context, other = family(5, 20)
    pairs = [(context + ending, len(context)) for ending in ([7], [8, 9, 3, 4], [8, 1])] + [
        ([*other, 5, 6], len(other))
    ]
    forward = Forward(model, 10_000, cache_bytes, context[:beginning])
    for call in (pairs, pairs[1:2], pairs[:1], pairs[::-1], [(context[:8], 3)], [(context, 0)]):
        for (ids, start), states in zip(call, forward.states(call, layers), strict=True):
            assert torch.allclose(states, hidden(model, ids, start, layers), atol=1e-4)


def test_what_stands_before_is_computed_once_for_several_replies_and_for_calls_in_a_row(model):
    context, other = family(6, 20)
    forward = Forward(model, 10_000, 10**9)
    lengths = passes(forward)
    forward.states([([*context, 7], 40), ([*context, 8, 9], 40), ([*other, 5], len(other))], [2])
    assert lengths == [[40], [1, 2, len(other) + 1]]  # a context that only one reply has is read with it
    lengths.clear()
    forward.states([([*context, 1, 2, 3], 40)], [2])
    assert lengths == [[3]]
    lengths.clear()
    forward.states([([*context, 1, 2, 3], 40)], [1])  # other layers are another pass
    assert lengths == [[40], [3]]


def test_the_beginning_of_all_prompts_is_computed_once_and_short_turns_go_together_on_any_device(model):
    context, other = family(6, 20)  # 40 and 23 tokens, of which 20 are the same
    forward = Forward(model, 1, 10**9, context[:20])
    lengths = passes(forward)
    forward.states([([*context, 7], 40), ([*other, 5, 6], 23)], [2])
    assert lengths == [[20], [5, 21]]
    lengths.clear()
    forward.states([([*other, 8], 23), ([*context, 9], 40), ([1, *context, 9], 41)], [2])
    assert lengths == [[4, 21, 42]]  # the last one begins in another way


def test_long_turns_go_alone_on_a_cpu(model):
    forward = Forward(model, 1, 10**9)
    lengths = passes(forward)
    forward.states([([token] * 200, 150) for token in (1, 2, 3)], [2])
    assert lengths == [[200], [200], [200]]  # together they would be 400 tokens or more
