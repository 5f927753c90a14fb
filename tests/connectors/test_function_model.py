"""A function of the user's own as a model."""

import asyncio
import functools
import os
import subprocess
import sys
import threading

import pytest

from convexplain import Workspace, judge
from convexplain.connectors.models import FunctionModel, OpenAICompatible, ScriptedModel, as_model
from convexplain.errors import (
    LogError,
    ModelError,
    TransientError,
    UnavailableError,
    UnsupportedRequestError,
    UsageError,
)
from convexplain.models.calls import Calls
from convexplain.models.chat import MemoryCache, Message, Reply, Request

YES = '{"label": "yes"}'
REQUEST = Request((Message("user", "Is the sky blue?"),), labels=("yes", "no"), opening='{"label": "', max_tokens=24)


def always_yes(prompt):
    return YES


def also_yes(prompt):
    return YES


async def yes_later(prompt):
    return YES


class Caller:
    def __init__(self, reply=YES):
        self.reply = reply

    def __call__(self, prompt):
        return self.reply

    def ask(self, prompt):
        return self.reply


class AsyncCaller:
    async def __call__(self, prompt):
        return YES


def asked(function, request=REQUEST, **options):
    return asyncio.run(FunctionModel(function, **options).chat([request]))[0]


@pytest.mark.parametrize(
    "function",
    [
        always_yes,
        yes_later,
        lambda prompt: YES,
        lambda prompt: yes_later(prompt),
        Caller(),
        Caller().ask,
        AsyncCaller(),
        functools.partial(lambda reply, prompt: reply, YES),
        functools.partial(lambda reply, prompt: yes_later(prompt), YES),
        functools.cache(always_yes),
    ],
)
def test_what_can_be_called_with_a_prompt_is_a_model(function):
    reply = asked(function)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.labels, reply.logprobs, reply.truncated) == (YES, None, False, False)


@pytest.mark.parametrize(
    ("messages", "prompt"),
    [
        ([("user", "Hi \ud800 there")], "Hi ? there"),
        ([("system", "Be brief."), ("user", "Hi")], "system: Be brief.\n\nuser: Hi"),
        ([], ""),
    ],
)
def test_the_prompt(messages, prompt):
    prompts = []
    asked(lambda text: prompts.append(text) or YES, Request(tuple(Message(*message) for message in messages)))
    assert prompts == [prompt]


def test_a_turn_is_scored_by_the_mean_of_sampled_replies(talk, helpfulness):
    replies = iter(["yes", "yes", "yes", "no", "yes", "no"])  # the first settles how to measure
    (judgement,) = judge(
        talk, helpfulness, FunctionModel(lambda prompt: f'{{"label": "{next(replies)}"}}'), turns="last"
    )
    # yes = 1, no = 0: 3 of the 5 draws
    assert (judgement.score, judgement.evidence.kind, judgement.evidence.n) == (pytest.approx(0.6), "samples", 5)
    assert judgement.model.startswith(f"{__name__}.test_a_turn_is_scored")


class FailureOfAProvider(Exception):  # noqa: N818 - named as providers name them
    pass


@pytest.mark.parametrize("kind", [FailureOfAProvider, StopIteration, ValueError])
@pytest.mark.parametrize("later", [False, True])
def test_an_exception_is_a_model_error_with_its_words(kind, later):
    def fail(prompt):
        raise kind("no credit left")

    async def fail_later(prompt):
        raise kind("no credit left")

    outcome = asked(fail_later if later else fail)
    assert type(outcome) is ModelError
    assert "no credit left" in str(outcome) or kind is StopIteration  # Python's own words for it in a coroutine
    assert (f"failed: {kind.__name__}: " in str(outcome)) or (later and kind is StopIteration)
    assert __name__ in str(outcome)


@pytest.mark.parametrize("error", [TransientError("busy", retry_after=3), UnavailableError("gone")])
def test_an_error_of_ours_is_left_as_it_is(error):
    def fail(prompt):
        raise error

    assert asked(fail) is error


def test_an_error_of_ours_that_is_no_models_ends_the_call():
    def fail(prompt):
        raise LogError("a.json", None, "no log")

    with pytest.raises(LogError):
        asked(fail)


@pytest.mark.parametrize(("value", "kind"), [(None, "NoneType"), (3, "int"), (b"yes", "bytes"), ([YES], "list")])
def test_what_is_no_text_is_said_with_its_type(value, kind):
    outcome = asked(lambda prompt: value)
    assert type(outcome) is ModelError
    assert f"returned {kind}; it must return the reply as str" in str(outcome)


@pytest.mark.parametrize(
    ("text", "opening", "reply", "truncated"),
    [
        ("one two three", "", "one two", True),
        ("  one\n\ntwo\tthree four", "", "  one\n\ntwo", True),
        ("one two ", "", "one two ", False),
        ("one two", "", "one two", False),
        ("", "", "", False),
        ("one two three", '{"label": "', "one two three", False),
    ],
)
def test_a_reply_in_words_is_cut_and_one_with_a_label_is_not(text, opening, reply, truncated):
    outcome = asked(lambda prompt: text, Request((Message("user", "Hi"),), opening=opening, max_tokens=2))
    assert (outcome.text, outcome.truncated) == (reply, truncated)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request((Message("user", "Hi"),), reply="Hello"), "does not give the log-probability of a given reply"),
        (Request((Message("user", "Hi"),), reply="Hello", features="mean"), "gives no hidden states"),
    ],
)
def test_what_a_function_cannot_give_is_refused(request_, words):
    calls = []
    outcome = asked(calls.append, request_)
    assert type(outcome) is UnsupportedRequestError
    assert words in str(outcome)
    assert calls == []


def most_open_threads(**options):
    """How many calls of a plain function run at once, and whether the event loop goes on meanwhile."""
    lock, together, counts = threading.Lock(), threading.Event(), [0, 0]

    def wait(prompt):
        with lock:
            counts[0] += 1
            counts[1] = max(counts)
            if counts[0] == 3:
                together.set()
        together.wait(0.05)
        with lock:
            counts[0] -= 1
        return YES

    async def go():
        async with Calls(FunctionModel(wait, **options)) as calls:
            await asyncio.gather(*(calls.ask(Request((Message("user", str(i)),))) for i in range(3)))

    asyncio.run(go())
    return counts[1]


def test_plain_functions_are_called_one_after_the_other_unless_told():
    assert most_open_threads() == 1
    assert most_open_threads(in_flight=3) == 3


def test_a_plain_function_does_not_block_the_loop():
    released = threading.Event()

    async def go():
        call = asyncio.create_task(FunctionModel(lambda prompt: str(released.wait(10))).chat([REQUEST]))
        await asyncio.sleep(0)
        released.set()  # by a loop that goes on
        return (await call)[0]

    assert asyncio.run(go()).text == "True"


def test_limits():
    assert (FunctionModel(always_yes).in_flight, FunctionModel(yes_later).in_flight) == (1, 16)
    assert FunctionModel(AsyncCaller()).in_flight == 16
    assert FunctionModel(always_yes, timeout=None).timeout is None


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        ("always_yes", {}, "function='always_yes' cannot be called"),
        (always_yes, {"in_flight": 0}, "in_flight=0 is not valid"),
        (always_yes, {"timeout": 0}, "timeout=0 is not valid"),
    ],
)
def test_what_is_not_valid_is_said(function, options, words):
    with pytest.raises(UsageError, match=words):
        FunctionModel(function, **options)


def closing_over(value, default=None):
    def close(prompt, option=default):
        return f"{value} {option}"

    return close


def recursive():
    def again(prompt):
        return again(prompt[1:]) if prompt else YES

    return again


def not_filled():
    function = lambda prompt: later  # noqa: E731
    if function is None:
        later = YES
    return function


CALLER = Caller()


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (always_yes, always_yes, True),
        (always_yes, also_yes, False),
        (closing_over("a"), closing_over("a"), True),
        (closing_over("a"), closing_over("b"), False),
        (closing_over(1), closing_over("1"), False),
        (closing_over(("a", 1, None, 0.5, b"x")), closing_over(("a", 1, None, 0.5, b"x")), True),
        (closing_over({"a": [1, {2, 3}]}), closing_over({"a": [1, {2, 3}]}), True),
        (closing_over({"a": [1]}), closing_over({"a": [2]}), False),
        (closing_over("a", 1), closing_over("a", 2), False),
        (closing_over(always_yes), closing_over(always_yes), True),
        (closing_over(always_yes), closing_over(also_yes), False),
        (closing_over(sys), closing_over(sys), True),
        (closing_over(Caller), closing_over(AsyncCaller), False),
        (closing_over(len), closing_over(sum), False),
        (closing_over("a".join), closing_over("b".join), False),
        (closing_over(CALLER), closing_over(CALLER), True),
        (closing_over(CALLER), closing_over(Caller()), False),
        (CALLER.ask, CALLER.ask, True),
        (CALLER.ask, Caller().ask, False),
        (CALLER, CALLER, True),
        (CALLER, Caller("no"), False),
        (recursive(), recursive(), True),
        (not_filled(), not_filled(), True),
        (functools.partial(closing_over("a"), option=1), functools.partial(closing_over("a"), option=1), True),
        (functools.partial(closing_over("a"), option=1), functools.partial(closing_over("a"), option=2), False),
        (functools.cache(always_yes), functools.cache(always_yes), True),
        (functools.cache(always_yes), functools.cache(also_yes), False),
        *[(*pair, False) for pair in [[lambda prompt: "a", lambda prompt: "b"]]],
        *[(*pair, False) for pair in [[lambda prompt: prompt.upper(), lambda prompt: prompt.lower()]]],
        *[(*pair, False) for pair in [[lambda prompt: prompt in {"a"}, lambda prompt: prompt in {"b"}]]],
    ],
)
def test_two_functions_are_told_apart_and_a_function_is_itself(left, right, same):
    assert (FunctionModel(left).fingerprint == FunctionModel(right).fingerprint) is same


def test_a_functions_replies_are_not_anothers():
    cache = MemoryCache()

    async def text_of(function, **options):
        async with Calls(FunctionModel(function, **options), cache) as calls:
            return (await calls.ask(Request((Message("user", "Hi"),)))).text

    assert [asyncio.run(text_of(closing_over(value))) for value in "aba"] == ["a None", "b None", "a None"]
    assert len(cache.replies) == 2
    # With one name they are one model, as the user says.
    assert [asyncio.run(text_of(closing_over(value), name="mine")) for value in "cd"] == ["c None", "c None"]


CODE = """
from convexplain.connectors.models import FunctionModel
class Caller:
    def ask(self, prompt): ...
def judge(prompt, options=("b", "a"), table={"x": 1.5}):
    return "yes" if prompt in {"a", "b", "c"} else f"{[word for word in prompt.split()]}"
def closing_over(value):
    return lambda prompt: value
for function in (judge, closing_over({"a", "b", "c"}), closing_over(judge), Caller().ask):
    print(FunctionModel(function).fingerprint)
"""


@pytest.mark.slow
def test_a_function_is_itself_in_another_process_and_a_bound_one_is_not():
    first, second = (
        subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.split()
        for seed in ("1", "2")
    )
    assert first[:3] == second[:3]
    assert first[3] != second[3]
    assert len(set(first)) == 4
    assert first[0].startswith("function:__main__.judge#")


class Slotted:
    """Takes little memory and cannot be referred to weakly, so that the next one gets a freed one's place at once."""

    __slots__ = ("label",)

    def __init__(self, label):
        self.label = label

    def ask(self, prompt):
        return f'{{"label": "{self.label}"}}'


@pytest.mark.parametrize("kind", [Caller, Slotted])
@pytest.mark.parametrize(
    "function_of",
    [
        lambda client: client.ask,
        lambda client: lambda prompt: client.ask(prompt),
        lambda client: functools.partial(lambda held, prompt: held.ask(prompt), client),
        lambda client: closing_over([{"client": client}]),
        lambda client: closing_over(frozenset([client])),
    ],
)
def test_an_object_in_the_place_of_a_freed_one_is_another(kind, function_of):
    prints = {FunctionModel(function_of(kind("yes"))).fingerprint for _ in range(50)}
    assert len(prints) == 50


@pytest.mark.slow
def test_each_of_many_short_lived_clients_gives_its_own_score(tmp_path, talk, helpfulness):
    labels = ["yes", "no", "no", "yes", "yes", "no", "yes", "no"] * 10
    workspace = Workspace(tmp_path / "runs.db")
    replies = [f'{{"label": "{label}"}}' for label in labels]
    scores = [workspace.judge(talk, helpfulness, Caller(reply).ask, turns="last")[0].score for reply in replies]
    workspace.close()
    assert scores == [1.0 if label == "yes" else 0.0 for label in labels]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_objects_of_two_forked_processes_are_told_apart():
    code = (
        "import os\n"
        "from convexplain.connectors.models import FunctionModel\n"
        "class Caller:\n    def ask(self, prompt): ...\n"
        "caller = Caller()\n"
        "child = os.fork()\n"
        "if child: os.waitpid(child, 0)\n"
        "print(FunctionModel(caller.ask).fingerprint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(set(done.stdout.split())) == 2


def test_names():
    assert FunctionModel(always_yes).name == f"{__name__}.always_yes"
    assert FunctionModel(Caller().ask).name == f"{__name__}.Caller.ask"
    assert FunctionModel(Caller()).name == f"{__name__}.Caller"
    assert FunctionModel(functools.partial(always_yes)).name == f"{__name__}.always_yes"
    named = FunctionModel(Caller(), name="mine")
    assert (named.name, named.fingerprint) == ("mine", "function:mine")


def test_as_model_takes_a_name_a_model_or_a_function():
    scripted = ScriptedModel("yes")
    assert as_model(scripted) is scripted
    named = as_model("http://127.0.0.1:9/v1?model=m")
    assert isinstance(named, OpenAICompatible)
    function = as_model(always_yes)
    assert isinstance(function, FunctionModel)
    assert function.fingerprint == FunctionModel(always_yes).fingerprint


@pytest.mark.parametrize("value", [None, 3, ScriptedModel, object(), ["embedded"]])
def test_what_is_no_model_is_told_the_valid_ones(value):
    with pytest.raises(UsageError, match="is no model; valid are a name, an object with the protocol"):
        as_model(value)
