"""How much parts of a prompt raise a reply's log-probability: against finite differences on a tiny random model."""

import asyncio
import copy
import itertools

import pytest
import torch

from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.models.gradients import reply_gradients, unit_tokens
from convexplain.connectors.models.local import LocalModel
from convexplain.errors import ModelError, TooLongError, UsageError
from convexplain.models.chat import GivesUnitGradients, Message, Request
from tests.tiny_model import CHATML, save_tiny, text_of

TALK = (
    Message("system", "help."),
    Message("user", "where is my parcel?"),
    Message("assistant", "the parcel is on its way. 😀"),
    Message("user", "thank you 你好. where is my parcel?"),
)
REPLY = "hello again, it will be there tomorrow."


def prepared(folder, **options):
    model = LocalModel(folder, **options)
    asyncio.run(model.prepare())
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def model(folder):
    return prepared(folder)


def gradients(model, spans, messages=TALK, reply=REPLY):
    return asyncio.run(model.unit_gradients(messages, reply, spans))


def found_tokens(model, spans, messages=TALK, render=text_of):
    """Each span's tokens, as text."""
    ids = model._tokenizer(render(messages))["input_ids"]
    units = unit_tokens(render, model._tokenizer, messages, spans)
    return [model._tokenizer.decode([ids[i] for i in tokens]) for tokens in units]


def span(i, part, messages=TALK, last=False):
    content = messages[i].content
    start = content.rindex(part) if last else content.index(part)
    return i, start, start + len(part)


PARTS = [
    (0, "help."),
    (1, "where is"),
    (1, " my parcel?"),
    (2, "the parcel is on its way."),
    (2, "😀"),
    (3, "thank you"),
    (3, "你好"),
    (3, "where is my parcel?"),
]


@pytest.mark.parametrize("reply", [REPLY, "x", "😀", "a<|im_end|>b"])
def test_scaling_a_parts_embeddings_changes_log_p_by_its_gradient_to_first_order(model, reply):
    """(log p(1 + e) - log p(1 - e)) / 2e with e = 0.01; a part's tokens are found by hand, by the text before it."""
    spans = [span(i, part) for i, part in PARTS]
    found = gradients(model, spans, reply=reply)
    exact = copy.deepcopy(model._model).double()
    tokenizer = model._tokenizer
    text, prompt = text_of(TALK, reply), text_of(TALK)
    encoded = tokenizer(text, return_offsets_mapping=True)
    ids, start = encoded["input_ids"], len(tokenizer(prompt)["input_ids"])
    embedded = exact.get_input_embeddings()(torch.tensor([ids]))

    def logprob(scale):
        with torch.inference_mode():
            logits = exact(inputs_embeds=embedded * scale).logits[0, :-1]
        picked = logits.log_softmax(-1).gather(-1, torch.tensor(ids[1:])[:, None])[:, 0]
        return float(picked[start - 1 :].sum())

    def change(tokens):
        step = torch.zeros((1, len(ids), 1), dtype=torch.float64)
        step[0, tokens] = 0.01
        return (logprob(1 + step) - logprob(1 - step)) / 0.02

    expected = []
    for i, part in PARTS:
        begin = len(text_of(TALK[:i])) - len("<|im_start|>assistant\n") + len(f"<|im_start|>{TALK[i].role}\n")
        begin += TALK[i].content.index(part) + (part[0] == " ")
        end = begin + len(part.lstrip())
        assert text[begin:end] == part.lstrip()
        expected.append(change([t for t, (s, e) in enumerate(encoded["offset_mapping"]) if begin < e and s < end]))
    assert found == pytest.approx(expected, rel=1e-2, abs=2e-4)
    assert min(found) < 0 < max(found)


def test_the_parts_of_a_message_add_up_to_it(model):
    content = TALK[3].content
    cuts = [0, 9, 12, 14, len(content)]
    spans = [(3, start, end) for start, end in itertools.pairwise(cuts)]
    *parts, whole = gradients(model, [*spans, (3, 0, len(content))])
    assert sum(parts) == pytest.approx(whole, rel=1e-6)
    assert all(parts)


def test_an_empty_reply_hangs_on_nothing_and_an_empty_part_does_nothing(model):
    assert gradients(model, [(1, 0, 5), (3, 0, 2)], reply="") == [0.0, 0.0]
    assert gradients(model, [(1, 3, 3)]) == [0.0]
    assert gradients(model, []) == []


def test_a_message_of_white_space_can_have_parts(model):
    (found,) = gradients(model, [(0, 0, 1)], messages=(Message("user", " "),))
    assert found != 0


@pytest.mark.parametrize("wrong", [(4, 0, 1), (-1, 0, 1), (0, 3, 2), (0, -1, 2), (0, 0, 6)])
def test_a_span_outside_its_message_is_refused(model, wrong):
    with pytest.raises(UsageError, match=r"span=.* is not valid; valid are .* whose lengths are: 5, 19, 27, 33"):
        gradients(model, [(0, 0, 5), wrong])


# ---- where a part's tokens are


@pytest.mark.parametrize("part", [part for _, part in PARTS])
def test_a_parts_tokens_spell_it(model, part):
    i = next(i for i, known in PARTS if known == part)
    (text,) = found_tokens(model, [span(i, part)])
    assert text.strip() == part.strip()


def test_a_text_that_stands_in_two_messages_is_told_apart(model):
    """Both last questions are the same words, and their gradients are not."""
    first, again = span(1, "where is my parcel?"), span(3, "where is my parcel?")
    assert found_tokens(model, [first, again]) == ["where is my parcel?", " where is my parcel?"]
    one, other = gradients(model, [first, again])
    assert one != pytest.approx(other)


@pytest.mark.parametrize("content", ["user", "<|im_start|>user\n", "\n", "\x020\x03", "a", "assistant user assistant"])
def test_words_of_the_template_are_not_taken_for_the_message(model, content):
    messages = (Message("user", content), Message("assistant", "user"), Message("user", "user"))
    ids = model._tokenizer(text_of(messages))["input_ids"]
    render = lambda some: text_of(some)  # noqa: E731
    (tokens,) = unit_tokens(render, model._tokenizer, messages, [(0, 0, len(content))])
    before = len(model._tokenizer("<|im_start|>user\n")["input_ids"])
    assert model._tokenizer.decode(ids[before : before + len(tokens)]) == content
    assert tokens == list(range(before, before + len(tokens)))


def test_each_token_belongs_to_the_part_with_its_first_visible_character(model):
    """ " parcel" is one token, and the space before it is in the other part."""
    content = "my parcel"
    assert len(model._tokenizer(" parcel")["input_ids"]) == 1
    messages = (Message("user", content),)
    assert found_tokens(model, [(0, 0, 3), (0, 3, 9), (0, 0, 9)], messages) == ["my", " parcel", "my parcel"]


def stripping(messages):
    return "".join(f"[{message.content.strip()}]" for message in messages)


def forgetting(messages):
    return "".join(f"[{message.content.split('</t>')[-1]}]" for message in messages)


def doubling(messages):
    return "".join(f"[{message.content}] or ({message.content})" for message in messages)


def shouting(messages):
    return "".join(f"[{message.content.upper()}]" for message in messages)


def hiding(messages):
    return "[" + "".join(message.content for message in messages if message.role == "user") + "]"


@pytest.mark.parametrize(
    ("render", "content", "part", "tokens"),
    [
        (stripping, " \n ab cd  ", "ab", "ab"),
        (stripping, " \n ab cd  ", " \n ", ""),
        (stripping, "  ", "  ", ""),
        (forgetting, "<t>cd</t>ab cd", "cd", ""),  # in the thought, which the model does not see
        (forgetting, "<t>cd</t>ab cd", "ab", "ab"),
        (doubling, "ab cd", "ab", "abab"),  # it sees both
        (doubling, "", "", ""),
    ],
)
def test_a_part_is_found_in_what_a_template_makes_of_its_message(model, render, content, part, tokens):
    messages = (Message("user", "ab cd"), Message("user", content), Message("user", "ab cd"))
    assert found_tokens(model, [span(1, part, messages)], messages, render) == [tokens]


@pytest.mark.parametrize("render", [shouting, hiding])
def test_a_template_that_rewrites_a_message_is_refused(model, render):
    messages = (Message("user", "ab cd"), Message("assistant", "ab"))
    with pytest.raises(ModelError, match="the chat template rewrites message 1"):
        found_tokens(model, [(1, 0, 2)], messages, render)


def test_a_tokenizer_that_does_not_tell_where_its_tokens_lie_is_refused():
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match="gradients need a tokenizer that tells where tokens lie; Slow does not"):
        unit_tokens(text_of, Slow(), TALK, [(0, 0, 1)])


def test_a_template_that_strips_gives_the_same_as_one_that_does_not(tmp_path, model):
    stripped = prepared(save_tiny(tmp_path, CHATML.replace("m.content", "m.content | trim")))
    plain = (Message("user", "where is my parcel?"),)
    spaced = (Message("user", " \n where is my parcel? "),)
    (expected,) = gradients(model, [span(0, "my parcel", plain)], plain)
    assert gradients(stripped, [span(0, "my parcel", spaced)], spaced) == pytest.approx([expected], rel=1e-4)


# ---- on other machines


def test_half_a_character_in_message_and_reply_is_read_as_a_question_mark(model):
    one = gradients(model, [(0, 0, 2)], (Message("user", "a\ud800"),), "b\ud800")
    assert one == gradients(model, [(0, 0, 2)], (Message("user", "a?"),), "b?")


def test_in_half_precision_it_is_about_the_same(folder, model):
    spans = [span(i, part) for i, part in PARTS]
    exact, half = (torch.tensor(gradients(one, spans)) for one in (model, prepared(folder, dtype="bfloat16")))
    assert torch.cosine_similarity(exact, half, dim=0) > 0.9


def test_what_the_window_or_the_memory_does_not_hold_is_too_long(folder):
    model = prepared(folder)
    with pytest.raises(TooLongError, match="the window of"):
        gradients(model, [(0, 0, 5)], reply="parcel " * 300)

    class Full:
        def __getattr__(self, name):
            return getattr(kept, name)

        def __call__(self, **inputs):
            raise torch.OutOfMemoryError("CUDA out of memory.")

    kept = model._model
    model._model = Full()
    with pytest.raises(TooLongError, match="too long for the memory there is"):
        gradients(model, [(0, 0, 5)])
    model._model = kept
    assert gradients(model, [(0, 0, 5)]) != [0.0]


def test_only_what_follows_the_prompt_is_counted(model):
    """The sum over the reply's two halves, the first one being part of what the second follows, is the whole."""
    ids = model._encoder.encode(Request(TALK, opening="hello again", max_tokens=1))
    start = len(model._encoder.encode(Request(TALK, max_tokens=1)))
    cut = start + 2
    whole, first = reply_gradients(model._model, ids, start), reply_gradients(model._model, ids[:cut], start)
    second = reply_gradients(model._model, ids, cut)
    assert len(whole) == len(ids)
    assert whole[:start] == pytest.approx(
        [a + b for a, b in zip(first, second, strict=False)][:start], rel=1e-3, abs=1e-3
    )


def test_it_can_be_asked_for(model):
    assert isinstance(model, GivesUnitGradients)
    assert not isinstance(ScriptedModel("x"), GivesUnitGradients)
