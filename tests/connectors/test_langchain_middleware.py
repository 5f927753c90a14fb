"""The middleware in real agents."""

import asyncio
import itertools
import logging
import threading

import pytest
from langchain_core.messages import HumanMessage

from convexplain.connectors.langchain import ConvexplainCallbackHandler, ConvexplainMiddleware, Scorer
from convexplain.connectors.langchain.middleware import REPLACEMENT
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.redaction import Redactor
from convexplain.errors import UnavailableError, UsageError
from convexplain.rubrics import load_rubric
from convexplain.store import RunStore
from tests.reference_scores import keep_scores

from .agents import Scripted, agent, asked, judge, judged


@pytest.fixture
def store(tmp_path):
    found = RunStore(str(tmp_path / "live.db"))
    yield found
    found.close()


def run(talker, text, thread="t", *, asynchronous=False, **told):
    told = {"configurable": {"thread_id": thread}, **told}
    said = asyncio.run(talker.ainvoke(asked(text), told)) if asynchronous else talker.invoke(asked(text), told)
    return said["messages"][-1].content


def turns(store, number):
    return {talk.id: [turn.content for turn in talk.turns] for talk in store.conversations(number)}


class Counting(Scripted):
    """Says how often it was asked; `stubborn` makes every answer the same."""

    asked_for: list[str] = []  # noqa: RUF012 - a field of pydantic's, copied for each
    stubborn: bool = False

    def _generate(self, messages, *args, **told):
        found = super()._generate(messages, *args, **told)
        self.asked_for.append(str(messages[-1].content))
        if not self.stubborn:
            found.generations[0].message.content += f" ({len(self.asked_for)})"
        return found


def strict(request):
    """Finds everything harmful that has "(1)" in its last answer."""
    last = request.messages[0].content.rpartition("assistant: ")[2]
    return {"yes": 0.1, "no": 0.9} if "(1)" in last else {"yes": 0.9, "no": 0.1}


def built(chat, middleware, **told):
    from langchain.agents import create_agent
    from langgraph.checkpoint.memory import InMemorySaver

    return create_agent(chat, [], middleware=[middleware], checkpointer=InMemorySaver(), **told)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_finished_conversations_are_judged_in_the_background(store, asynchronous):
    model = judge()
    middleware = ConvexplainMiddleware(model, "helpfulness", store)
    talker = agent(middleware=[middleware])
    for text in ("hello", "weather", "bye"):
        run(talker, text, asynchronous=asynchronous)
    middleware.close(None)
    assert judged(model) == ["You said: hello", "It says: sunny in Rome.", "You said: bye"]
    assert list(turns(store, middleware.scorer.run)) == ["t"]
    assert middleware.counts.judged == 3


def test_without_a_thread_the_answer_to_the_last_question_is_judged(store):
    middleware = ConvexplainMiddleware(model := judge(), "helpfulness", store)
    history = [HumanMessage("one"), {"role": "assistant", "content": "two"}, HumanMessage("weather")]
    agent(memory=False, middleware=[middleware]).invoke({"messages": history})
    middleware.close(None)
    assert judged(model) == ["It says: sunny in Rome."]


def test_with_a_handler_that_shares_its_scorer_nothing_is_judged_twice(store):
    with Scorer(model := judge(), "helpfulness", store) as scorer:
        talker = agent(middleware=[ConvexplainMiddleware(scorer=scorer)])
        handler = ConvexplainCallbackHandler(scorer=scorer)
        for text in ("one", "two"):
            run(talker, text, callbacks=[handler])
    assert judged(model) == ["You said: one", "You said: two"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_harmful_answer_is_held_back_and_replaced(store, asynchronous):
    flagged = []
    middleware = ConvexplainMiddleware(
        ScriptedModel(strict),
        ["helpfulness", "harm"],
        store,
        on_flag=lambda found, talk: flagged.append((found.rubric, talk.id, found.score)),
        thresholds={"helpfulness": 0.0, "harm": 0.0},
        hold_back={"harm": 0.5},
        on_failure="pass",
    )
    talker = built(Counting(), middleware)
    assert run(talker, "one", asynchronous=asynchronous) == REPLACEMENT
    assert run(talker, "two", asynchronous=asynchronous) == "You said: two (2)"
    middleware.close(None)
    assert flagged == [("harm", "t#held", pytest.approx(0.1))]
    # What went out, and what did not; the words in its place are nobody's answer and are not judged.
    assert turns(store, middleware.scorer.run) == {
        "t": ["one", REPLACEMENT, "two", "You said: two (2)"],
        "t#held": ["one", "You said: one (1)"],
    }
    scored = {(found.conversation_id, found.turn, found.rubric) for _, found in store.judgements(middleware.scorer.run)}
    assert scored == {("t#held", 1, "harm"), ("t", 3, "helpfulness"), ("t", 3, "harm")}
    assert middleware.counts.failed == 0


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("hooks", [False, True])
def test_a_harmful_answer_is_made_anew(store, asynchronous, hooks):
    chat = Counting()
    middleware = ConvexplainMiddleware(
        ScriptedModel(strict), "harm", store, hold_back={"harm": 0.5}, on_failure="pass", retries=2
    )
    talker = built(chat, middleware)
    if hooks:  # with other middleware around
        from langchain.agents import create_agent
        from langchain.agents.middleware import ModelCallLimitMiddleware

        limit = ModelCallLimitMiddleware(run_limit=5)
        talker = create_agent(chat, [], middleware=[limit, middleware])
    said = run(talker, "one", asynchronous=asynchronous)
    assert said == "You said: one (2)"
    assert chat.asked_for == ["one", "one"], "the answer that was held back is not in what the model is asked"
    middleware.close(None)
    assert turns(store, middleware.scorer.run) == {
        "t": ["one", "You said: one (2)"],
        "t#held": ["one", "You said: one (1)"],
    }


def test_retries_end_and_each_call_has_its_own(store):
    chat = Counting(stubborn=True)
    middleware = ConvexplainMiddleware(
        judge(0.1), "harm", store, hold_back={"harm": 0.5}, on_failure="pass", retries=2, replacement="No."
    )
    talker = built(chat, middleware)
    assert [run(talker, text) for text in ("one", "two")] == ["No.", "No."]
    assert chat.asked_for == ["one"] * 3 + ["two"] * 3
    middleware.close(None)


class Gone(ScriptedModel):
    async def prepare(self):
        raise UnavailableError("gone")


def fails(request):
    raise ValueError("broken")


FAILURES = {
    "gone": (lambda: Gone("x"), "UnavailableError: gone"),
    "late": (lambda: ScriptedModel({"no": 1.0}, seconds=600), "TimeoutError"),
    "unscored": (lambda: ScriptedModel("I do not know"), "no score on harm: no label could be read"),
    "broken": (lambda: ScriptedModel(fails), "ValueError: broken"),
}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("on_failure", ["hold", "pass"])
@pytest.mark.parametrize("failure", FAILURES)
def test_what_becomes_of_an_answer_that_cannot_be_judged(store, failure, on_failure, asynchronous, caplog):
    model, why = FAILURES[failure]
    with caplog.at_level(logging.WARNING):
        middleware = ConvexplainMiddleware(
            model(), "harm", store, hold_back={"harm": 0.5}, on_failure=on_failure, patience=0.5, retries=2
        )
        answer = run(built(chat := Counting(), middleware), "one", asynchronous=asynchronous)
        middleware.close(0)
    assert answer == (REPLACEMENT if on_failure == "hold" else "You said: one (1)")
    assert chat.asked_for == ["one"], "another answer could not be judged either"
    assert middleware.counts.failed >= 1
    logged = [record.message for record in caplog.records]
    assert any("judging an answer that was waited for failed" in text and why in text for text in logged), logged
    stored = turns(store, middleware.scorer.run)
    if on_failure == "hold":
        assert stored == {"t": ["one", REPLACEMENT], "t#held": ["one", "You said: one (1)"]}
    else:
        assert stored == {"t": ["one", "You said: one (1)"]}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(("on_failure", "answer"), [("hold", REPLACEMENT), ("pass", "You said: one (1)")])
@pytest.mark.parametrize("broken", ["closed", "hook", "redaction"])
def test_it_follows_the_choice_whatever_fails(store, broken, on_failure, answer, asynchronous, monkeypatch):
    def fail(*args):
        raise RuntimeError("broken")

    middleware = ConvexplainMiddleware(
        judge(1.0),
        "harm",
        store,
        hold_back={"harm": 0.5},
        on_failure=on_failure,
        redact=fail if broken == "redaction" else None,
    )
    if broken == "closed":
        middleware.close()
    if broken == "hook":
        monkeypatch.setattr(middleware, "_history", fail)
    assert run(built(Counting(), middleware), "one", asynchronous=asynchronous) == answer
    assert middleware.counts.failed >= 1
    middleware.close(0)


def test_a_low_score_holds_back_where_another_rubric_cannot_be_judged(store):
    def replies(request):
        return {"no": 1.0} if "harm" in request.messages[0].content.lower().partition("<conv")[0] else "what?"

    middleware = ConvexplainMiddleware(
        ScriptedModel(replies),
        ["helpfulness", "harm"],
        store,
        hold_back={"helpfulness": 0.5, "harm": 0.5},
        on_failure="pass",
    )
    assert run(built(Counting(), middleware), "one") == REPLACEMENT
    middleware.close(None)


def test_the_judge_is_loaded_while_the_agent_works(store):
    loaded = threading.Event()

    class Loading(ScriptedModel):
        async def prepare(self):
            loaded.set()

    class Waiting(Counting):
        def _generate(self, *args, **options):
            assert loaded.wait(10)
            return super()._generate(*args, **options)

    middleware = ConvexplainMiddleware(Loading({"yes": 1.0}), "harm", store, hold_back={"harm": 0.5}, on_failure="hold")
    assert not loaded.is_set()
    assert run(built(Waiting(), middleware), "one") == "You said: one (1)"
    middleware.close(None)


def test_ready_loads_the_judge_or_says_why_not(store):
    middleware = ConvexplainMiddleware(judge(), "harm", store, hold_back={"harm": 0.5}, on_failure="hold")
    assert middleware.ready()
    middleware.close(None)
    middleware = ConvexplainMiddleware(Gone("x"), "harm", store, hold_back={"harm": 0.5}, on_failure="hold")
    with pytest.raises(UnavailableError, match="gone"):
        middleware.ready()
    middleware.close(None)

    class Slow(ScriptedModel):
        async def prepare(self):
            await asyncio.sleep(600)

    middleware = ConvexplainMiddleware(Slow("x"), "harm", store, hold_back={"harm": 0.5}, on_failure="hold")
    assert not middleware.ready(0.01)
    middleware.close(0)


class SlowReasons(ScriptedModel):
    """Gives its reasons after a while."""

    async def chat(self, requests):
        if any('First copy, as "quote"' in request.messages[0].content for request in requests):
            await asyncio.sleep(0.6)
        return await super().chat(requests)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("slow", ["reason", "on_flag"])
def test_a_low_score_holds_back_however_late_its_reason_or_on_flag_is(store, slow, asynchronous):
    flagged = []

    async def on_flag(judgement, conversation):
        if slow == "on_flag":
            await asyncio.sleep(0.6)
        flagged.append(judgement)

    middleware = ConvexplainMiddleware(
        (SlowReasons if slow == "reason" else ScriptedModel)({"yes": 0.1, "no": 0.9}),
        "harm",
        store,
        on_flag=on_flag,
        thresholds={"harm": 0.0},
        hold_back={"harm": 0.5},
        on_failure="pass",
        patience=0.3,
    )
    assert middleware.ready()
    assert run(built(Counting(), middleware), "one", asynchronous=asynchronous) == REPLACEMENT
    middleware.close(None)
    assert [(judgement.score, judgement.label) for judgement in flagged] == [(pytest.approx(0.1), "no")]
    assert middleware.counts.failed == 0
    assert [judgement for talk, judgement in store.judgements(middleware.scorer.run) if talk.id == "t#held"] == flagged


def test_a_closed_scorer_loads_no_judge(store):
    loaded = []

    class Loading(ScriptedModel):
        async def prepare(self):
            loaded.append(self)

    middleware = ConvexplainMiddleware(Loading({"yes": 1.0}), "harm", store, hold_back={"harm": 0.5}, on_failure="hold")
    middleware.close(None)
    loaded.clear()
    assert run(built(Counting(), middleware), "one") == REPLACEMENT
    with pytest.raises(UnavailableError, match="the scorer is closed"):
        middleware.ready()
    assert loaded == []


MANY = 40  # more than an event loop has threads to lend


class Gated(ScriptedModel):
    """Answers nobody before its gate is open."""

    def __init__(self):
        super().__init__({"yes": 1.0})
        self.called, self.gate = threading.Event(), threading.Event()

    async def chat(self, requests):
        self.called.set()
        await asyncio.to_thread(self.gate.wait, 30)
        return await super().chat(requests)


@pytest.mark.slow
def test_many_answers_are_waited_for_at_once(store, monkeypatch):
    middleware = ConvexplainMiddleware(
        model := Gated(), "harm", store, hold_back={"harm": 0.5}, on_failure="pass", patience=30
    )
    talker = agent(memory=False, middleware=[middleware])
    asked_for = itertools.count(1)

    def judge_now(*told):
        if next(asked_for) == MANY:
            model.gate.set()
        return Scorer.judge_now(middleware.scorer, *told)

    monkeypatch.setattr(middleware.scorer, "judge_now", judge_now)

    async def talk():
        return await asyncio.gather(*(talker.ainvoke(asked(f"hello {number}")) for number in range(MANY)))

    said = [found["messages"][-1].content for found in asyncio.run(talk())]
    assert said == [f"You said: hello {number}" for number in range(MANY)]
    middleware.close(None)
    assert middleware.counts.failed == 0


def test_a_caller_that_goes_away_calls_the_judge_off(store):
    middleware = ConvexplainMiddleware(model := Gated(), "harm", store, hold_back={"harm": 0.5}, on_failure="hold")
    work = []
    middleware.scorer.judge_now = lambda *told: work.append(Scorer.judge_now(middleware.scorer, *told)) or work[0]

    async def leave():
        calling = asyncio.create_task(agent(memory=False, middleware=[middleware]).ainvoke(asked("hello")))
        assert await asyncio.to_thread(model.called.wait, 10)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling

    asyncio.run(leave())
    model.gate.set()
    middleware.close(None)
    assert [one.cancelled() for one in work] == [True]
    assert (middleware.counts.judged, middleware.counts.failed) == (0, 0)


def test_interrupts_pass(store):
    from langgraph.types import Command

    middleware = ConvexplainMiddleware(
        model := judge(), "helpfulness", store, hold_back={"helpfulness": 0.1}, on_failure="hold"
    )
    talker = agent(middleware=[middleware])
    told = {"configurable": {"thread_id": "t"}}
    assert talker.invoke(asked("ask"), told)["__interrupt__"]
    assert talker.invoke(Command(resume="blue"), told)["messages"][-1].content == "It says: blue."
    middleware.close(None)
    assert set(judged(model)) == {"It says: blue."}


VALID = (
    "with hold_back it must be 'hold' (an answer that could not be judged in time is replaced) or 'pass' (it goes out)"
)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"hold_back": {"harm": 2}, "on_failure": "hold"}, "hold_back: harm=2 is not valid; it must be in [0, 1]"),
        (
            {"hold_back": {"manner_1": 0.5}, "on_failure": "hold"},
            "hold_back: manner_1 is none of the rubrics, which are: harm",
        ),
        ({"hold_back": {"harm": 0.5}}, f"on_failure=None is not valid; {VALID}"),
        ({"hold_back": {"harm": 0.5}, "on_failure": "open"}, f"on_failure='open' is not valid; {VALID}"),
        ({"on_failure": "open"}, f"on_failure='open' is not valid; {VALID}"),
        ({"retries": -1}, "retries=-1 is not valid; it must be at least 0"),
        ({"patience": 0}, "patience=0 is not valid; it must be above 0"),
    ],
)
def test_arguments_that_cannot_be_meant(store, told, message):
    with pytest.raises(UsageError) as raised:
        ConvexplainMiddleware(judge(), "harm", store, **told)
    assert str(raised.value) == message


def test_what_is_held_back_is_redacted_too(store):
    model = ScriptedModel(strict)
    middleware = ConvexplainMiddleware(
        model, "helpfulness", store, hold_back={"helpfulness": 0.5}, on_failure="pass", redact=Redactor(), retries=0
    )
    assert run(built(Counting(), middleware), "to ann@shop.example") == REPLACEMENT
    middleware.close(None)
    assert {text for talk in turns(store, middleware.scorer.run).values() for text in talk} == {
        "to [e-mail 1]",
        "You said: to [e-mail 1] (1)",
        REPLACEMENT,
    }
    assert not any("shop.example" in str(request.messages) for request in model.requests)


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"hold_back": {"harm": 0.2}, "on_failure": "hold"}, "hold_back: harm=0.2"),
        ({"hold_back": {"harm": 0.67}, "on_failure": "hold"}, "hold_back: harm=0.67"),
        ({"thresholds": {"harm": 0.2}}, "thresholds: harm=0.2"),
    ],
)
def test_a_threshold_that_the_judge_cannot_reach_is_refused(store, arguments, parameter):
    keep_scores(store, load_rubric("harm"), {"good": [0.7, 0.8, 0.9], "dangerous": [0.67, 0.75]})
    with pytest.raises(UsageError) as raised:
        ConvexplainMiddleware(judge(), "harm", store, **arguments)
    assert str(raised.value).startswith(
        f"{parameter} is not valid: on harm scripted gave the turns of the reference set scores from 0.67 to 0.9, so "
        "no score is <"
    )
    assert "0.7 (at most 1% of ordinary turns are below it; it catches 50% of dangerous turns)" in str(raised.value)


def test_a_threshold_that_the_judge_can_reach_needs_no_remark(store, caplog):
    keep_scores(store, load_rubric("harm"), {"good": [0.7, 0.8, 0.9], "dangerous": [0.67, 0.75]})
    held = hold(judge(0.69), store, {"harm": 0.7, "helpfulness": 0.1})
    assert held == REPLACEMENT
    remarks = [record.message for record in caplog.records]
    assert remarks == [
        "hold_back: helpfulness=0.1: helpfulness by scripted: unvalidated: nobody has compared this judge with people "
        "on this maxim; use its scores only to sort."
    ]


def hold(model, store, limits):
    """Return what two calls answer; the second must be as the first."""
    middleware = ConvexplainMiddleware(model, list(limits), store, hold_back=limits, on_failure="hold")
    talker = built(Counting(), middleware)
    answers = {run(talker, text) for text in ("one", "two")}
    middleware.close(None)
    (answer,) = answers
    return answer


class Named(ScriptedModel):
    """A model whose name its server tells."""

    async def prepare(self):
        self.name = self.fingerprint = "served"


def test_of_a_model_that_only_its_server_knows_the_threshold_is_checked_when_it_is_reached(store, caplog):
    keep_scores(store, load_rubric("harm"), {"good": [0.7, 0.9], "rude": [0.67]}, judge="served")
    middleware = ConvexplainMiddleware(Named({"yes": 1.0}), "harm", store, hold_back={"harm": 0.2}, on_failure="hold")
    assert run(built(Counting(), middleware), "one") == REPLACEMENT
    assert any("hold_back: harm=0.2 is not valid" in record.message for record in caplog.records)
    middleware.close(None)


def test_flags_carry_the_trust_in_the_judge(store, caplog):
    keep_scores(store, load_rubric("harm"), {"good": [0.7, 0.9], "rude": [0.1]})
    flagged = {}
    middleware = ConvexplainMiddleware(
        judge(0.2),
        ["harm", "helpfulness"],
        store,
        on_flag=lambda judgement, conversation: flagged.update({judgement.rubric: conversation.metadata["trust"]}),
    )
    run(agent(middleware=[middleware]), "one")
    middleware.close(None)
    assert {rubric: trust["state"] for rubric, trust in flagged.items()} == {
        "harm": "benchmarked",
        "helpfulness": "unvalidated",
    }
    assert [record.message.partition(":")[0] for record in caplog.records] == ["thresholds"]
