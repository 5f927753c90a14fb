"""The log-probability of a given reply: against explicit sums over its tokens, on a tiny random model and a stub."""

import asyncio
import json
import math

import pytest
import sqlalchemy as sa
import torch
from langchain_core.language_models import FakeListChatModel

from convexplain.connectors.models import LangChainModel, OpenAICompatible, ScriptedModel
from convexplain.connectors.models.forward import Forward
from convexplain.connectors.models.local import LocalModel
from convexplain.connectors.models.prompt_logprobs import reply_span
from convexplain.errors import ModelError, TooLongError, UnsupportedRequestError
from convexplain.models.calls import Calls
from convexplain.models.chat import MemoryCache, Message, Reply, Request
from convexplain.store import RunStore, schema
from tests.tiny_model import CHATML, save_tiny, text_of, token_logprobs

ASKED = (Message("user", "where is my parcel?"),)
TALK = (Message("system", "help."), *ASKED, Message("assistant", "the parcel is on its way."), Message("user", "thank"))


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


def ask(model, *requests):
    return asyncio.run(model.chat(requests))


def given(reply, messages=ASKED, **fields):
    return Request(messages, reply=reply, **fields)


def by_hand(model, reply, messages=ASKED):
    """(sum, number) of the reply's tokens, those after the prompt's."""
    start = len(model._tokenizer(text_of(messages), add_special_tokens=False)["input_ids"])
    _, logprobs = token_logprobs(model, text_of(messages, reply))
    return sum(logprobs[start:]), len(logprobs) - start


# ---- request and reply


def test_the_keys_of_requests_without_a_reply_are_what_they_were():
    """Digests of the time before requests could give a reply."""
    plain = Request((Message("user", "Is the sky blue?"),))
    full = Request(
        (Message("system", "Be brief."), Message("user", "Is the sky blue? \ud800é")),
        labels=("yes", "no"),
        opening='{"label": "',
        schema={"type": "object"},
        max_tokens=24,
        temperature=0.5,
        draw=3,
    )
    assert plain.key("m") == "8c30aec9cb7fc2f3c3f940bcc6d2f8b584fb98c399495c44a225745f46e05b30"
    assert full.key("m") == "45412d0a0765bd14aa05ae152f07d8b493e6cd6cc22d939647b27205088430c6"


def test_a_given_reply_is_in_the_key():
    keys = {Request(ASKED).key("m"), given("a").key("m"), given("b").key("m")}
    assert len(keys) == 3


def test_replies_of_before_and_scored_ones_come_back_from_the_store(tmp_path):
    store = RunStore(str(tmp_path / "a.db"))
    scored = Reply("", logprobs=True, prompt_tokens=9, logprob=-12.5, reply_tokens=4)
    store.put("new", "m", scored)
    old = {
        "text": "yes",
        "labels": None,
        "logprobs": True,
        "truncated": False,
        "prompt_tokens": 3,
        "completion_tokens": 1,
        "cached_tokens": 0,
        "seconds": 0.5,
    }
    with store.engine.begin() as connection:
        connection.execute(sa.update(schema.model_calls).values(key="old", reply=old))
    assert store.get("old") == Reply("yes", None, True, False, 3, 1, 0, 0.5, None, 0)
    store.put("new", "m", scored)
    assert store.get("new") == scored
    store.close()


# ---- in this process


@pytest.mark.parametrize(
    "reply",
    [
        "hello again.",
        "x",
        "😀 the parcel 😀",
        "你好",
        "the <|im_end|> parcel <|im_start|>",
        "hello<|im_end|>",
        "\x02reply\x03",
        "  hello \n",
        "\n",
        "the parcel is on its way to you. " * 4,
    ],
)
def test_it_is_the_sum_over_the_replys_tokens(model, reply):
    (found,) = ask(model, given(reply, TALK))
    expected, tokens = by_hand(model, reply, TALK)
    assert found.logprob == pytest.approx(expected, abs=1e-4)
    assert found.logprob < 0
    assert (found.reply_tokens, found.text, found.labels) == (tokens, "", None)
    assert found.prompt_tokens == len(model._tokenizer(text_of(TALK, reply))["input_ids"])


def test_it_is_the_sum_of_one_pass_for_each_token(model):
    """The most explicit way: what comes next, asked for again after each token."""
    text, total = text_of(TALK), 0.0
    ids, whole = (model._tokenizer(some)["input_ids"] for some in (text, f"{text}hello again."))
    for i in range(len(ids), len(whole)):
        with torch.inference_mode():
            logits = model._model(torch.tensor([whole[:i]])).logits[0, -1]
        total += float(logits.double().log_softmax(-1)[whole[i]])
    (found,) = ask(model, given("hello again.", TALK))
    assert found.logprob == pytest.approx(total, abs=1e-4)


def test_half_a_character_counts_as_a_question_mark(model):
    one, other = ask(model, given("a\ud800"), given("a?"))
    assert one.logprob == other.logprob


def test_what_ends_the_turn_is_not_counted(model):
    """log p(hello, end) = log p(hello) + log p(end | hello), and the reply "hello" is worth the first part alone."""
    without, ended = ask(model, given("hello"), given("hello<|im_end|>"))
    _, logprobs = token_logprobs(model, text_of(ASKED, "hello<|im_end|>"))
    assert ended.logprob - without.logprob == pytest.approx(logprobs[-1], abs=1e-4)
    assert ended.reply_tokens - without.reply_tokens == 1


def test_an_empty_reply_is_generated(model):
    (found,) = ask(model, given("", max_tokens=3))
    assert (found.logprob, found.reply_tokens) == (None, 0)
    assert found.completion_tokens > 0


REPLIES = [
    "x",
    "hello again.",
    "the parcel is on its way to you and will be there tomorrow.",
    "😀",
    "hello again, thank",
]


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 60, 10_000])
def test_a_padded_batch_gives_what_single_calls_give(folder, at_once):
    """Prompts and replies of many lengths, some of them with a common beginning."""
    pairs = [(reply, messages) for messages in (ASKED, TALK, TALK[:2]) for reply in REPLIES]
    alone = prepared(folder)
    single = []
    for reply, messages in pairs:
        alone._forward.free()
        single += ask(alone, given(reply, messages))
    batched = prepared(folder)
    batched._forward.tokens_at_once = at_once
    together = ask(batched, *(given(reply, messages) for reply, messages in pairs))
    assert [reply.logprob for reply in together] == pytest.approx([reply.logprob for reply in single], abs=1e-4)
    hands = [by_hand(alone, *pair) for pair in pairs]
    assert [(reply.logprob, reply.reply_tokens) for reply in together] == [
        (pytest.approx(logprob, abs=1e-4), tokens) for logprob, tokens in hands
    ]
    again = ask(batched, *(given(reply, messages) for reply, messages in pairs))  # now that beginnings are known
    assert [reply.logprob for reply in again] == pytest.approx([reply.logprob for reply in single], abs=1e-4)


def test_different_replies_to_one_prompt_compute_it_once(model):
    model._forward.free()
    first, second = ask(model, given("hello", TALK), given("thank you", TALK))
    prompt = len(model._tokenizer(text_of(TALK))["input_ids"])
    assert (first.cached_tokens, second.cached_tokens) == (0, prompt)


def test_each_request_of_a_batch_gets_its_own_kind_of_answer(model):
    long = given("parcel " * 300)
    scored, labelled, worded, refused, other = ask(
        model, given("hello"), Request(ASKED, labels=("yes", "no")), Request(ASKED, max_tokens=2), long, given("x")
    )
    assert (scored.logprob, other.logprob) == tuple(
        pytest.approx(by_hand(model, reply)[0], abs=1e-4) for reply in ("hello", "x")
    )
    assert labelled.labels is not None
    assert worded.completion_tokens <= 2
    assert isinstance(refused, TooLongError)
    assert "the window of" in str(refused)


def test_what_the_template_writes_before_a_reply_belongs_to_the_prompt(tmp_path):
    """As templates do that write an empty thought before the reply, which is not in the prompt for a new one."""
    thought = CHATML.replace("'\n' + m.content", "('\n<t></t>' if m.role == 'assistant' else '\n') + m.content")
    model = prepared(save_tiny(tmp_path, thought))
    (found,) = ask(model, given("hello"))
    ids = model._tokenizer("hello")["input_ids"]
    _, logprobs = token_logprobs(model, text_of(ASKED, "<t></t>hello"))
    assert found.reply_tokens == len(ids)
    assert found.logprob == pytest.approx(sum(logprobs[-len(ids) :]), abs=1e-4)


@pytest.mark.slow
def test_a_token_of_prompt_and_reply_is_the_replys(mixtral_folder):
    """Mixtral's template writes a space before the reply, and its tokenizer makes one token of it and a word."""
    model = prepared(mixtral_folder)
    (found,) = ask(model, given("Hello there"))
    ids, logprobs = token_logprobs(model, "<s> [INST] where is my parcel? [/INST] Hello there")
    assert model._tokenizer.convert_ids_to_tokens(ids[-2:]) == ["▁Hello", "▁there"]
    assert (found.logprob, found.reply_tokens) == (pytest.approx(sum(logprobs[-2:]), abs=1e-4), 2)


def test_in_half_precision_the_log_probabilities_are_computed_in_float32(folder):
    """Each is no number that bfloat16 can hold, and batches still give what single calls give."""
    model = prepared(folder, dtype="bfloat16")
    pairs = [model._encoder.encode_with_reply(given(reply, TALK)) for reply in REPLIES]
    (alone, *_), _ = Forward(model._model, 1, 0).continuations(pairs[:1])
    assert alone != float(torch.tensor(alone).bfloat16())
    single = [Forward(model._model, 1, 0).continuations([pair])[0][0] for pair in pairs]
    assert Forward(model._model, 10_000, 0).continuations(pairs)[0] == pytest.approx(single, abs=0.1)


class Cramped:
    """The model on a machine whose memory takes so many new tokens in one forward pass."""

    def __init__(self, model, most):
        self.model, self.most = model, most

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __call__(self, **inputs):
        if inputs["input_ids"].numel() > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.model(**inputs)


def test_when_the_memory_does_not_suffice_the_batch_is_halved_and_what_is_too_long_fails_alone(model):
    prompt = model._tokenizer(text_of(ASKED))["input_ids"]
    words = model._tokenizer("hello again")["input_ids"]
    pairs = [(prompt + words * n, len(prompt)) for n in (1, 2, 3, 40)]
    most = max(len(prompt), 3 * len(words))
    found, _ = Forward(Cramped(model._model, most), 10_000, 10**9).continuations(pairs)
    expected, _ = Forward(model._model, 1, 0).continuations(pairs)
    assert found[:3] == pytest.approx(expected[:3], abs=1e-4)
    assert isinstance(found[3], TooLongError)


@pytest.mark.slow
def test_a_template_that_refuses_the_messages_is_one_plain_message(mixtral_folder):
    refused, scored = ask(prepared(mixtral_folder), given("Hello", TALK), given("Hello"))
    assert "chat template refuses the messages" in str(refused)
    assert scored.reply_tokens == 1


# ---- through calls, and models that cannot


def test_a_score_is_asked_for_once_and_then_taken_from_the_cache():
    model, cache = ScriptedModel(lambda request: -len(request.reply) / 2), MemoryCache()

    async def go():
        async with Calls(model, cache) as calls:
            found = [await calls.ask(given("abc")), await calls.ask(given("abc")), await calls.ask(given("a b"))]
            return found, calls.spend

    found, spend = asyncio.run(go())
    assert [(reply.logprob, reply.reply_tokens) for reply in found] == [(-1.5, 1), (-1.5, 1), (-1.5, 2)]
    assert (spend.calls, spend.cached, spend.prompt_tokens) == (2, 1, (4 + 1) + (4 + 2))


class Deaf(ScriptedModel):
    """A model of before: it answers as if no reply were given."""

    async def chat(self, requests):
        return [Reply("something else") for _ in requests]


def langchain():
    """One that must not be called: that may cost money."""
    return LangChainModel(FakeListChatModel(responses=[]))


@pytest.mark.parametrize("make", [lambda: ScriptedModel("text"), lambda: ScriptedModel(Reply("x")), langchain])
def test_a_model_that_cannot_score_says_so_and_which_can(make):
    (found,) = ask(make(), given("hello"))
    assert isinstance(found, ModelError)
    assert "does not give the log-probability of a given reply" in str(found)
    assert "local:REPO_OR_FOLDER" in str(found)


def test_a_reply_in_words_is_never_taken_for_a_score():
    async def go():
        async with Calls(Deaf("x")) as calls:
            assert (await calls.ask(Request(ASKED))).text == "something else"
            return await calls.ask(given("hello"))

    with pytest.raises(ModelError, match="scripted does not give the log-probability of a given reply: it only writes"):
        asyncio.run(go())


# ---- from a server


def served(stub, request):
    async def go():
        model = OpenAICompatible(f"{stub.url}?model=stub")
        try:
            (outcome,) = await model.chat([request])
            return outcome
        finally:
            await model.aclose()

    return asyncio.run(go())


HEAD = [("<|im_start|>", None), ("user", -9.0), ("\n", -0.1), ("where is my parcel?", -8.0), ("<|im_end|>", -1.0)]
ROLE = [("\n", -0.2), ("<|im_start|>", -0.3), ("assistant", -0.4), ("\n", -0.5)]


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
class TestServed:
    def test_the_replys_tokens_are_added_up(self, stub):
        stub.tokens = lambda messages: [*HEAD, *ROLE, ("It", -1.5), (" is", -0.25), (" here.", -0.5)]
        found = served(stub, given("It is here."))
        assert (found.logprob, found.reply_tokens, found.text, found.logprobs) == (-2.25, 3, "", True)
        assert (found.prompt_tokens, found.seconds > 0) == (100, True)
        (body,) = stub.bodies
        assert body == {
            "model": "stub",
            "messages": [
                {"role": "user", "content": "where is my parcel?"},
                {"role": "assistant", "content": "It is here."},
            ],
            "max_tokens": 1,
            "temperature": 0.0,
            "prompt_logprobs": 0,
            "add_generation_prompt": False,
            "continue_final_message": True,
        }

    @pytest.mark.parametrize("reply", ["hello again.", "the parcel 😀 is on", "你好 user", "a <|im_end|> b", "help?\n"])
    def test_a_server_of_the_same_model_gives_the_same_number(self, stub, model, reply):
        """The stub tells what the tiny model computes, each token's text by itself: half an emoji is U+FFFD."""

        def tokens(messages):
            *before, last = [Message(**message) for message in messages]
            ids, logprobs = token_logprobs(model, text_of(before, last.content))
            return zip(model._tokenizer.batch_decode([[i] for i in ids]), logprobs, strict=True)

        stub.tokens = tokens
        (local,) = ask(model, given(reply, TALK))
        found = served(stub, given(reply, TALK))
        assert (found.logprob, found.reply_tokens) == (pytest.approx(local.logprob, abs=1e-4), local.reply_tokens)

    def test_a_server_without_it_says_what_is_missing_and_which_models_have_it(self, stub):
        found = served(stub, given("hello"))
        assert type(found) is UnsupportedRequestError
        assert "prompt_logprobs is missing in what its server answers" in str(found)
        assert "embedded, and http://HOST:PORT/v1?model=NAME where the server has prompt_logprobs, as vLLM" in str(
            found
        )

    def test_a_server_that_refuses_to_be_asked_says_so(self, stub):
        stub.misbehave = lambda number: (400, {}, '{"error": {"message": "Unrecognized argument: prompt_logprobs"}}')
        found = served(stub, given("hello"))
        assert "does not give the log-probability of a given reply: its server refuses the request" in str(found)
        assert "Unrecognized argument: prompt_logprobs" in str(found)
        assert len(stub.bodies) == 1

    @pytest.mark.parametrize(
        ("logprob", "words"),
        [
            (-9999.0, "a token of the given reply has no log-probability"),
            (math.nan, "the log-probabilities of the given reply are NaN, infinite or above 0"),
            (2.0, "the log-probabilities of the given reply are NaN, infinite or above 0"),
        ],
    )
    def test_a_token_without_probability_leaves_the_reply_without(self, stub, logprob, words):
        stub.tokens = lambda messages: [*HEAD, *ROLE, ("It", -1.5), (" is", logprob)]
        assert words in str(served(stub, given("It is")))

    def test_a_token_that_was_left_out_leaves_the_reply_without(self, stub):
        stub.tokens = lambda messages: [*HEAD, *ROLE, ("It", None)]
        assert "cannot be told from the rest of the prompt" in str(served(stub, given("It")))

    def test_another_text_at_the_end_is_not_taken_for_the_reply(self, stub):
        stub.tokens = lambda messages: [*HEAD, *ROLE]
        assert "cannot be told from the rest of the prompt" in str(served(stub, given("It is")))

    def test_a_first_token_has_no_log_probability(self, stub):
        stub.tokens = lambda messages: [("It", None), (" is", -1.0)]
        assert "cannot be told from the rest of the prompt" in str(served(stub, given("It is")))

    @pytest.mark.parametrize("places", [[None, "x"], [None, {"7": -1.0}], "words", {"a": 1}])
    def test_what_makes_no_sense_is_one_plain_message(self, stub, places):
        answer = {"choices": [{"message": {"content": ""}}], "prompt_logprobs": places}
        stub.misbehave = lambda number: (200, {}, json.dumps(answer))
        found = served(stub, given("It is"))
        assert isinstance(found, ModelError)
        assert "is no chat completion" in str(found)


END = "<|im_end|>"


@pytest.mark.parametrize(
    ("tokens", "reply", "span"),
    [
        (["<s>", "x", "a", " b"], "a b", (2, 4)),
        (["<s>", "a", " b", "a", " b"], "a b", (3, 5)),  # as in the prompt before
        (["<s>", "x", "a", "b"], "a b", (2, 4)),  # a tokenizer that loses spaces
        (["<s>", "\n", "a", "\n", "\n"], "a\n\n", (2, 5)),
        (["<s>", "\n", "\n\n", "a"], "\n\na", (3, 4)),  # white space before it may be the template's
        (["<s>", "\n\n\na"], "\na", (1, 2)),
        (["<s>", ">a", " b"], "a b", (1, 3)),  # a token of both
        (["<s>", "x", "a", END, "\n"], "a", (2, 3)),  # a server that ends the turn all the same
        (["<s>", "x", "a", END], f"a{END}", (2, 4)),
        (["<s>", "x", "a", END, END], f"a{END}", (2, 4)),
        (["<s>", "x", "b", END], "a", None),
        (["<s>", "x", "na"], "ana", None),
        (["<s>", "\n", "�", "�", " b"], "😀 b", (2, 5)),  # F0 9F | 98 80
        (["<s>", "\n", "�", "�", "�", "�"], "😀", (2, 6)),
        (["<s>", "a", "", "😀", " b"], "a😀 b", (1, 5)),
        (["<s>", "a", "", "", " b"], "a😀 b", (1, 5)),
        (["<s>", "[/INST]", "a", "", " b"], "a b", (2, 5)),
        (["<s>", "", "a", " b"], "a b", (2, 4)),  # [/INST], shown as nothing
        (["<s>", "\n", "", "😀"], "😀", None),  # half of it, or something of the template's?
        (["<s>", "\n", "", ""], "😀", None),
        (["<s>", "\n", "�"], "�", (2, 3)),
        (["<s>", "e\u0301"], "e\u0301", (1, 2)),
        (["<s>", "\n", "\u00e9"], "e\u0301", (2, 3)),  # a tokenizer that composes characters
        (["<s>", "a"], " \n", None),
        (["<s>"], "a", None),
        ([], "a", None),
    ],
)
def test_which_tokens_are_the_replys(tokens, reply, span):
    assert reply_span(tokens, reply) == span
