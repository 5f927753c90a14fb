"""The callback handlers on real chat models, chains, agents and graphs, with a scripted judge."""

import asyncio
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

import pytest
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, MessagesState, StateGraph, add_messages
from langgraph.types import Command

from convexplain.connectors.langchain import AsyncConvexplainCallbackHandler, ConvexplainCallbackHandler, Scorer
from convexplain.connectors.langchain.runs import Collector
from convexplain.connectors.models import ScriptedModel
from convexplain.connectors.redaction import Redactor
from convexplain.errors import ModelError, RubricError, StoreError, UnavailableError, UsageError
from convexplain.store import RunStore

from .agents import Scripted, agent, asked, judge, judged

THREADS = ("a", "b", "c")
HANDLERS = [ConvexplainCallbackHandler, AsyncConvexplainCallbackHandler]


REMARK = (
    "thresholds: helpfulness=0.5: helpfulness by scripted: unvalidated: nobody has compared this judge with people on "
    "this maxim; use its scores only to sort."
)


@pytest.fixture
def store(tmp_path):
    found = RunStore(str(tmp_path / "live.db"))
    yield found
    found.close()


def config(handler, thread=None, **told):
    return {"callbacks": [handler], "configurable": {"thread_id": thread} if thread else {}, **told}


def turns(store, run):
    """The run's conversations: id to (role, content)."""
    return {talk.id: [(turn.role, turn.content) for turn in talk.turns] for talk in store.conversations(run)}


def scored(store, run):
    """(conversation, turn) of what was judged, in the order of the store."""
    return [(found.conversation_id, found.turn) for _, found in store.judgements(run)]


def say(handler, talker, texts, stream):
    """Says the texts, to all threads in turn."""
    for text in texts:
        for thread in THREADS:
            told = asked(f"{text} {thread}"), config(handler, thread)
            if stream:
                for _ in talker.stream(*told, stream_mode=stream):
                    pass
            else:
                talker.invoke(*told)


async def asay(handler, talker, texts, stream):
    async def one(text, thread):
        told = asked(f"{text} {thread}"), config(handler, thread)
        if stream:
            async for _ in talker.astream(*told, stream_mode=stream):
                pass
        else:
            await talker.ainvoke(*told)

    for text in texts:
        await asyncio.gather(*(one(text, thread) for thread in THREADS))


@pytest.mark.slow
@pytest.mark.parametrize("stream", [None, "messages", "values", "updates"])
@pytest.mark.parametrize("kind", HANDLERS)
@pytest.mark.parametrize("speak", [say, asay])
def test_three_threads_of_an_agent_are_judged_once_and_in_order(store, stream, kind, speak):
    # Each thread: hello, a question that calls a tool, goodbye. Three answers each; the tool call is none of them.
    model = judge(seconds=0.001)
    with kind(model, "helpfulness", store) as handler:
        spoken = speak(handler, agent(), ["hello", "the weather,", "goodbye"], stream)
        if spoken is not None:
            asyncio.run(spoken)
    answers = ["You said: hello {}", "It says: sunny in Rome.", "You said: goodbye {}"]
    for thread in THREADS:
        mine = [found for found in judged(model) if found.endswith(thread)]
        assert mine == [answers[0].format(thread), answers[2].format(thread)]
    assert judged(model).count(answers[1]) == 3
    assert handler.counts.judged == 9
    assert (handler.counts.failed, handler.counts.dropped, handler.counts.pending, handler.counts.left) == (0, 0, 0, 0)
    run = handler.scorer.run
    assert turns(store, run) == {
        thread: [
            ("user", f"hello {thread}"),
            ("assistant", f"You said: hello {thread}"),
            ("user", f"the weather, {thread}"),
            ("assistant", '[tool call weather({"about": "Rome"})]'),
            ("tool", "sunny in Rome"),
            ("assistant", "It says: sunny in Rome."),
            ("user", f"goodbye {thread}"),
            ("assistant", f"You said: goodbye {thread}"),
        ]
        for thread in THREADS
    }
    assert sorted(scored(store, run)) == [(thread, turn) for thread in THREADS for turn in (1, 5, 7)]
    assert len(list(store.conversations())) == 3, "beginnings of conversations that grew are not left behind"
    assert store.run(run).status == "done"


def test_threads_in_threads(store):
    model = judge()
    with ConvexplainCallbackHandler(model, "helpfulness", store) as handler, ThreadPoolExecutor(3) as pool:
        talker = agent()

        def speak(thread):
            for text in ("one", "two", "three"):
                talker.invoke(asked(f"{text} {thread}"), config(handler, thread))

        list(pool.map(speak, THREADS))
    for thread in THREADS:
        mine = [found for found in judged(model) if found.endswith(f" {thread}")]
        assert mine == [f"You said: {text} {thread}" for text in ("one", "two", "three")]


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_model_alone(store, stream):
    model = judge()
    with ConvexplainCallbackHandler(model, "helpfulness", store) as handler:
        chat = Scripted()
        history = [HumanMessage("hi"), AIMessage("You said: hi"), HumanMessage("bye")]
        if stream:
            list(chat.stream(history, config(handler)))
        else:
            chat.invoke(history, config(handler))
    (talk,) = turns(store, handler.scorer.run).values()
    assert talk == [("user", "hi"), ("assistant", "You said: hi"), ("user", "bye"), ("assistant", "You said: bye")]
    assert judged(model) == ["You said: bye"], "without a thread, what was given belongs to no other conversation"


def test_a_history_that_an_application_sends_again_and_again(store):
    model = judge()
    history = []
    with ConvexplainCallbackHandler(model, "helpfulness", store) as handler:
        for text in ("one", "two", "three"):
            history.append(HumanMessage(text))
            history.append(Scripted().invoke(history, {"callbacks": [handler], "metadata": {"session_id": 7}}))
    assert judged(model) == ["You said: one", "You said: two", "You said: three"]
    assert list(turns(store, handler.scorer.run)) == ["7"]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", HANDLERS)
def test_a_chain(store, kind, stream, asynchronous):
    prompt = ChatPromptTemplate.from_messages([("system", "Be kind."), ("human", "{question}")])
    chain = prompt | Scripted() | StrOutputParser()
    told = {"question": "hi"}, {"callbacks": None, "metadata": {"conversation_id": "c"}}
    model = judge()

    async def arun():
        if stream:
            return [part async for part in chain.astream(*told)]
        return await chain.ainvoke(*told)

    with kind(model, "helpfulness", store) as handler:
        told[1]["callbacks"] = [handler]
        if asynchronous:
            asyncio.run(arun())
        elif stream:
            list(chain.stream(*told))
        else:
            chain.invoke(*told)
    assert turns(store, handler.scorer.run) == {
        "c": [("system", "Be kind."), ("user", "hi"), ("assistant", "You said: hi")]
    }
    assert judged(model) == ["You said: hi"]


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")  # deprecated, and in use
def test_a_chain_with_history_names_its_session_in_its_configuration_only(store):
    histories = {}
    chain = RunnableWithMessageHistory(
        ChatPromptTemplate.from_messages([("system", "Be kind."), ("placeholder", "{past}"), ("human", "{question}")])
        | Scripted(),
        lambda session_id: histories.setdefault(session_id, InMemoryChatMessageHistory()),
        input_messages_key="question",
        history_messages_key="past",
    )
    model = judge()
    with ConvexplainCallbackHandler(model, "helpfulness", store) as handler:
        for text in ("one", "two"):
            chain.invoke({"question": text}, {"callbacks": [handler], "configurable": {"session_id": "s"}})
    assert list(turns(store, handler.scorer.run)) == ["s"]
    assert judged(model) == ["You said: one", "You said: two"]


def test_of_several_models_in_a_chain_the_outermost_last_one_speaks(store):
    def inner(text, config):
        Scripted().invoke(f"inner {text}", config)
        return text

    chain = RunnableLambda(inner) | (lambda text: [HumanMessage(text)]) | FakeListChatModel(responses=["the answer"])
    with ConvexplainCallbackHandler(model := judge(), "helpfulness", store) as handler:
        chain.invoke("question", config(handler))
    assert judged(model) == ["the answer"]


@pytest.mark.parametrize("kind", HANDLERS)
def test_a_model_without_roles(store, kind):
    with kind(model := judge(), "helpfulness", store) as handler:
        FakeListLLM(responses=["a rose"]).invoke("name a flower", config(handler))
    assert list(turns(store, handler.scorer.run).values()) == [[("user", "name a flower"), ("assistant", "a rose")]]
    assert judged(model) == ["a rose"]


def test_a_batch_is_as_many_conversations(store):
    with ConvexplainCallbackHandler(judge(), "helpfulness", store) as handler:
        Scripted().batch(["one", "two"], config(handler))
    assert sorted(talk[1][1] for talk in turns(store, handler.scorer.run).values()) == [
        "You said: one",
        "You said: two",
    ]


def test_a_graph_of_ones_own(store):
    graph = StateGraph(MessagesState)
    graph.add_node("talk", lambda state: {"messages": [Scripted().invoke(state["messages"])]})
    graph.add_edge(START, "talk")
    graph.add_edge("talk", END)
    with ConvexplainCallbackHandler(model := judge(), "helpfulness", store) as handler:
        graph.compile().invoke(asked("hi"), config(handler))
    assert judged(model) == ["You said: hi"]


def test_an_agent_without_memory_is_judged_on_what_it_said_itself(store):
    history = {"messages": [HumanMessage("hi"), AIMessage("Hello!"), HumanMessage("bye")]}
    with ConvexplainCallbackHandler(model := judge(), "helpfulness", store) as handler:
        agent(memory=False).invoke(history, config(handler))
    assert judged(model) == ["You said: bye"]


@dataclass
class State:
    messages: Annotated[list, add_messages]


def test_a_state_may_be_an_object(store):
    graph = StateGraph(State)
    graph.add_node("talk", lambda state: {"messages": [Scripted().invoke(state.messages)]})
    graph.add_edge(START, "talk")
    history = [HumanMessage("hi"), AIMessage("Hello!"), HumanMessage("bye")]
    with ConvexplainCallbackHandler(model := judge(), "helpfulness", store) as handler:
        graph.compile().invoke(State(history), config(handler))
    assert judged(model) == ["You said: bye"]


@pytest.mark.parametrize("kind", HANDLERS)
def test_an_interrupt_is_no_failure_and_its_thread_goes_on(store, kind, caplog):
    talker = agent()
    with kind(model := judge(), "helpfulness", store) as handler:
        stopped = talker.invoke(asked("ask somebody"), config(handler, "t"))
        assert stopped["__interrupt__"]
        assert handler.flush(10)
        assert handler.counts.judged == 0
        talker.invoke(Command(resume="blue"), config(handler, "t"))
    assert judged(model) == ["It says: blue."]
    assert list(turns(store, handler.scorer.run)) == ["t"]
    assert handler.counts.failed == 0
    assert not caplog.records


def test_a_call_that_fails_says_nothing_and_its_thread_goes_on(store):
    talker = agent()
    with ConvexplainCallbackHandler(model := judge(), "helpfulness", store) as handler:
        talker.invoke(asked("hi"), config(handler, "t"))
        with pytest.raises(RuntimeError, match="the model is broken"):
            talker.invoke(asked("fail"), config(handler, "t"))
        talker.invoke(asked("bye"), config(handler, "t"))
    assert judged(model) == ["You said: hi", "You said: bye"]


def test_runs_are_forgotten_when_they_end(store):
    handler = ConvexplainCallbackHandler(judge(), "helpfulness", store)
    talker = agent()
    talker.invoke(asked("weather"), config(handler, "t"))
    with pytest.raises(RuntimeError):
        talker.invoke(asked("fail"), config(handler, "t"))
    talker.invoke(asked("ask"), config(handler, "u"))
    assert len(handler._collector) == 0
    handler.close()


def test_runs_that_never_end_are_forgotten_too():
    collector = Collector(most=3)
    for number in range(10):
        collector.on_chain_start(None, {}, run_id=number)
    assert len(collector) == 3


@pytest.mark.parametrize("error", [GraphBubbleUp(), ValueError()])
def test_an_inner_error_leaves_the_outer_run(error):
    collector = Collector()
    collector.on_chain_start(None, {}, run_id=1)
    collector.on_tool_start(None, "", run_id=2, parent_run_id=1)
    collector.on_tool_error(error, run_id=2, parent_run_id=1)
    finished = collector.on_chain_end({"messages": [HumanMessage("hi"), AIMessage("ho")]}, run_id=1)
    assert (finished.id, finished.first_new) == ("1", 0)


# ---- what goes wrong


def test_a_model_that_fails_now_and_then_breaks_nothing(store):
    model = ScriptedModel(lambda request: ModelError("no") if "two t" in request.messages[0].content else {"yes": 1.0})
    talker = agent()
    with ConvexplainCallbackHandler(model, "helpfulness", store) as handler:
        for text in ("one", "two t", "three"):
            said = talker.invoke(asked(text), config(handler, text))
            assert said["messages"][-1].content == f"You said: {text}"
    assert (handler.counts.judged, handler.counts.failed) == (2, 1)
    found = {judgement.conversation_id: judgement for _, judgement in store.judgements(handler.scorer.run)}
    assert (found["two t"].score, found["two t"].reason) == (None, "no")


@pytest.mark.parametrize("kind", HANDLERS)
@pytest.mark.parametrize("error", [RuntimeError("a bug"), UnavailableError("gone")])
def test_an_exception_in_the_judge_loses_no_conversation(store, caplog, kind, error):
    class Broken(ScriptedModel):
        async def prepare(self):
            raise error

    talker = agent()
    with caplog.at_level(logging.WARNING), kind(Broken("x"), "helpfulness", store) as handler:
        for text in ("one", "two", "three"):
            assert talker.invoke(asked(text), config(handler, "t"))["messages"][-1].content == f"You said: {text}"
    # three histories with one, two and three turns without a score: each is tried again when its thread goes on
    assert (handler.counts.judged, handler.counts.failed) == (0, 6)
    assert [len(talk) for talk in turns(store, handler.scorer.run).values()] == [6]
    assert [record.message for record in caplog.records] == [
        f"judging a turn failed: {type(error).__name__}: {error}"
    ], "said once, not six times"


def test_a_model_that_comes_back_judges_what_it_missed(store):
    class Late(ScriptedModel):
        there = False

        async def prepare(self):
            if not self.there:
                raise UnavailableError("not yet")

    model = Late({"yes": 1.0})
    scorer = Scorer(model, "helpfulness", store)
    scorer._background._pause = 0.0
    talker = agent()
    with scorer:
        handler = ConvexplainCallbackHandler(scorer=scorer)
        talker.invoke(asked("one"), config(handler, "t"))
        assert scorer.flush(10)
        model.there = True
        talker.invoke(asked("two"), config(handler, "t"))
    assert judged(model) == ["You said: one", "You said: two"]
    assert scored(store, scorer.run) == [("t", 1), ("t", 3)]


def test_the_outermost_error_reaches_the_log_at_most_and_never_the_application(store, caplog):
    class Odd:
        type = "ai"

        @property
        def content(self):
            raise OSError("unreadable")

    chain = RunnableLambda(lambda text: {"messages": [Odd()]})
    with caplog.at_level(logging.WARNING), ConvexplainCallbackHandler(judge(), "helpfulness", store) as handler:
        for _ in range(3):
            chain.invoke("hi", config(handler))
    assert [record.message for record in caplog.records] == ["on_chain_end failed: OSError: unreadable"]


def test_a_store_that_is_away_does_not_end_the_judging(store, caplog):
    flagged = []
    with caplog.at_level(logging.WARNING):
        handler = ConvexplainCallbackHandler(
            model := judge(0.1),
            "helpfulness",
            store,
            reasons="none",
            on_flag=lambda found, talk: flagged.append(found.score),
        )

        def broken(*told):
            raise StoreError("disk full")

        store.keep_conversation = broken
        agent().invoke(asked("hi"), config(handler, "t"))
        handler.close()
    assert judged(model) == ["You said: hi"]
    assert flagged == [pytest.approx(0.1)]
    assert handler.counts.failed == 1
    assert {record.message for record in caplog.records} == {
        REMARK,
        "keeping a conversation failed: StoreError: disk full",
        "keeping a judgement failed: StoreError: disk full",
    }


def held_up(handler, thread):
    return agent().invoke(asked(thread), config(handler, thread))


class Stuck(ScriptedModel):
    """Does not answer before it is let go."""

    def __init__(self, *told, **more):
        super().__init__(*told, in_flight=1, **more)
        self.go = False

    async def chat(self, requests):
        while not self.go:  # noqa: ASYNC110 - it is let go from another thread
            await asyncio.sleep(0.005)
        return await super().chat(requests)


def fill(handler):
    """Hands in so much that four are being judged and the queue of two is full."""
    for number in range(4):
        held_up(handler, f"open {number}")
        while handler.scorer._queue._histories:
            time.sleep(0.005)
    for number in range(2):
        held_up(handler, f"waits {number}")


def filled(store, full, kind=ConvexplainCallbackHandler):
    model = Stuck({"yes": 1.0})
    handler = kind(model, "helpfulness", store, queue=2, full=full)
    fill(handler)
    return handler, model


@pytest.mark.slow
@pytest.mark.parametrize("kind", HANDLERS)
def test_a_full_queue_drops_and_counts(store, kind):
    handler, model = filled(store, "drop", kind)
    held_up(handler, "dropped")
    assert handler.counts.dropped == 1
    model.go = True
    handler.close(None)
    assert handler.counts.judged == 6
    assert sorted(turns(store, handler.scorer.run)) == ["open 0", "open 1", "open 2", "open 3", "waits 0", "waits 1"]


def test_what_was_dropped_is_judged_when_its_thread_goes_on(store):
    handler, model = filled(store, "drop")
    talker = agent()
    talker.invoke(asked("dropped"), config(handler, "t"))
    assert handler.counts.dropped == 1
    model.go = True
    assert handler.flush(10)
    talker.invoke(asked("goes on"), config(handler, "t"))
    handler.close(None)
    assert judged(model)[-2:] == ["You said: dropped", "You said: goes on"]


@pytest.mark.parametrize("kind", HANDLERS)
def test_a_full_queue_blocks_where_that_is_wanted(store, kind):
    handler, model = filled(store, "block", kind)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(held_up, handler, "waited")
        assert not waiting.done()
        assert handler.counts.pending == 6
        model.go = True
        waiting.result(10)
    handler.close(None)
    assert (handler.counts.judged, handler.counts.dropped) == (7, 0)


@pytest.mark.slow
def test_a_full_queue_does_not_hold_up_the_event_loop(store):
    handler, model = filled(store, "block", AsyncConvexplainCallbackHandler)

    async def main():
        waiting = asyncio.create_task(agent().ainvoke(asked("waited"), config(handler, "waited")))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        model.go = True
        await waiting

    asyncio.run(main())
    handler.close(None)
    assert (handler.counts.judged, handler.counts.dropped) == (7, 0)


def test_what_is_left_at_the_close_is_kept_unjudged(store):
    handler, _ = filled(store, "drop")
    handler.close(0)
    assert (handler.counts.left, handler.counts.pending, handler.counts.judged) == (6, 0, 0)
    run = handler.scorer.run
    assert len(turns(store, run)) == 6
    assert scored(store, run) == []
    assert store.run(run).status == "stopped"
    held_up(handler, "too late")
    assert handler.counts.dropped == 1
    handler.close()  # again: nothing


def test_ctrl_c_in_a_with_block_does_not_wait(store):
    def interrupted():
        with ConvexplainCallbackHandler(Stuck({"yes": 1.0}), "helpfulness", store, queue=2) as handler:
            fill(handler)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(list(store.conversations())) == 6


# ---- choices


def test_low_scores_are_flagged(store):
    flagged = []
    model = ScriptedModel(lambda request: {"yes": 0.4, "no": 0.6})
    # helpfulness has a limit of its own; harm gets one below the score: 1 always means satisfied
    limits = {"helpfulness": 0.41, "harm": 0.4}
    told = {"thresholds": limits, "on_flag": lambda found, talk: flagged.append((found, talk))}
    with ConvexplainCallbackHandler(model, ["helpfulness", "harm"], store, **told) as handler:
        talker = agent()
        for text in ("one", "two"):
            talker.invoke(asked(text), config(handler, "t"))
    assert [(found.rubric, found.turn, len(talk.turns)) for found, talk in flagged] == [
        ("helpfulness", 1, 2),
        ("helpfulness", 3, 4),
    ]
    assert flagged[0][0].score == pytest.approx(0.4)


def test_what_is_redacted_reaches_neither_judge_nor_store_nor_flag(store):
    model, seen = judge(), []
    told = {"redact": Redactor(), "thresholds": {"helpfulness": 1.0}, "on_flag": lambda *found: seen.append(found)}
    with ConvexplainCallbackHandler(model, "helpfulness", store, **told) as handler:
        talker = agent()
        for text in ("I am ann@shop.example", "and bob@shop.example", "ann@shop.example again"):
            talker.invoke(asked(text), config(handler, "ann@shop.example"))
    said = ["I am [e-mail 1]", "and [e-mail 2]", "[e-mail 1] again"]
    assert judged(model) == [f"You said: {text}" for text in said]
    (kept,) = store.conversations(handler.scorer.run)
    assert [turn.content for turn in kept.turns if turn.role == "user"] == said
    assert [found.turns[-1].content for _, found in seen] == judged(model)
    for text in (*(str(request.messages) for request in model.requests), repr(kept), repr(seen)):
        assert "shop.example" not in text


def test_what_cannot_be_redacted_is_neither_judged_nor_kept(store, caplog):
    model = judge()
    with ConvexplainCallbackHandler(model, "helpfulness", store, redact=lambda talk: 1 / 0) as handler:
        agent().invoke(asked("ann@shop.example"), config(handler, "a"))
    assert judged(model) == []
    assert (handler.counts.judged, handler.counts.failed) == (0, 1)
    assert list(store.conversations()) == []
    assert "shop.example" not in caplog.text


def test_the_rubrics_own_threshold_holds_where_none_is_given(store, helpfulness):
    flagged = []
    for score in (helpfulness.threshold, helpfulness.threshold - 0.01):
        told = {"on_flag": lambda found, talk: flagged.append(found.score)}
        with ConvexplainCallbackHandler(judge(score), helpfulness, store, **told) as handler:
            agent().invoke(asked(f"{score}"), config(handler, "t"))
    assert flagged == [pytest.approx(helpfulness.threshold - 0.01)]


def test_on_flag_may_be_async_and_may_fail(store, caplog):
    flagged = []

    async def on_flag(found, talk):
        await asyncio.sleep(0)
        flagged.append(found.turn)
        raise ValueError("mine")

    with ConvexplainCallbackHandler(judge(0.0), "helpfulness", store, on_flag=on_flag) as handler:
        talker = agent()
        for text in ("one", "two"):
            talker.invoke(asked(text), config(handler, "t"))
    assert flagged == [1, 3]
    assert handler.counts.judged == 2
    assert [record.message for record in caplog.records] == [REMARK, "on_flag failed: ValueError: mine"]


def test_a_sample_is_of_whole_conversations_and_always_the_same(store):
    chosen = []
    for _ in range(2):
        with ConvexplainCallbackHandler(judge(), "helpfulness", store, sample=0.5) as handler:
            for number in range(20):
                Scripted().invoke("hi", {"callbacks": [handler], "metadata": {"thread_id": f"t{number}"}})
        chosen.append(sorted(turns(store, handler.scorer.run)))
        assert handler.counts.sampled_out + handler.counts.judged == 20
    assert chosen[0] == chosen[1]
    assert 2 < len(chosen[0]) < 18


@pytest.mark.parametrize(("sample", "judged_of_five"), [(0.0, 0), (1.0, 5)])
def test_none_and_all(store, sample, judged_of_five):
    with ConvexplainCallbackHandler(judge(), "helpfulness", store, sample=sample) as handler:
        Scripted().batch(["hi"] * 5, config(handler))
    assert handler.counts.judged == judged_of_five


def test_the_thread_key_can_be_chosen(store):
    with ConvexplainCallbackHandler(judge(), "helpfulness", store, thread_keys=["chat"]) as handler:
        Scripted().invoke("hi", {"callbacks": [handler], "metadata": {"chat": "mine", "thread_id": "other"}})
    assert list(turns(store, handler.scorer.run)) == ["mine"]


def test_what_the_judge_itself_asks_is_no_conversation(store):
    # The judge is a LangChain model that carries the same handler.
    chat = FakeListChatModel(responses=['{"label": "yes"}'])
    from convexplain.connectors.models import LangChainModel

    scorer = Scorer(LangChainModel(chat), "helpfulness", store)
    with scorer:
        handler = ConvexplainCallbackHandler(scorer=scorer)
        scorer._background.model._chat.callbacks = [handler]
        Scripted().invoke("hi", config(handler))
    assert scorer.counts.judged == 1
    assert len(turns(store, scorer.run)) == 1


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"sample": 1.5}, "sample=1.5 is not valid; it must be in [0, 1]"),
        ({"queue": 0}, "queue=0 is not valid; it must be at least 1"),
        ({"full": "wait"}, "full='wait' is not valid; valid are: 'drop', 'block'"),
        ({"rubrics": []}, "rubrics=() is not valid; name at least one"),
        ({"rubrics": ["harm", "harm"]}, "rubrics: one of harm, harm is named twice"),
        ({"thresholds": {"harm": 2}}, "thresholds: harm=2 is not valid; it must be in [0, 1]"),
        (
            {"thresholds": {"manner_1": 0.5}},
            "thresholds: 'manner_1' is none of the rubrics, which are: helpfulness, harm, informativeness",
        ),
        ({"judge": "gpt"}, "model 'gpt' is not known"),
    ],
)
def test_arguments_that_cannot_be_meant(store, told, message):
    with pytest.raises(UsageError) as raised:
        ConvexplainCallbackHandler(**{"judge": judge(), "store": store, **told})
    assert str(raised.value).startswith(message)


def test_a_rubric_that_is_none(store):
    with pytest.raises(RubricError, match="kindness"):
        ConvexplainCallbackHandler(judge(), "kindness", store)


def test_without_a_store_it_is_the_command_lines(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "mine.db"))
    with ConvexplainCallbackHandler(judge(), "helpfulness") as handler:
        Scripted().invoke("hi", config(handler))
    store = RunStore(str(tmp_path / "mine.db"))
    assert len(turns(store, handler.scorer.run)) == 1
    store.close()


def test_each_handler_has_a_run_of_its_own(store):
    runs = []
    for _ in range(2):
        with ConvexplainCallbackHandler(judge(), "helpfulness", store) as handler:
            Scripted().invoke("hi", {"callbacks": [handler], "metadata": {"thread_id": "t"}})
        runs.append(handler.scorer.run)
    assert len(set(runs)) == 2
    assert [scored(store, run) for run in runs] == [[("t", 1)], [("t", 1)]]


def test_no_hook_is_left_out():
    # What LangChain calls on a handler of this kind, and what is heard of it.
    events = {name for name in vars(Collector) if name.startswith("on_")}
    for kind in HANDLERS:
        assert events <= set(vars(kind))
    starts = {name.removesuffix("_start") for name in events if name.endswith("_start")}
    assert starts == {"on_chain", "on_chat_model", "on_llm", "on_tool", "on_retriever"}


def test_it_asks_for_langchain_where_that_is_missing(monkeypatch):
    from convexplain.errors import MissingExtraError

    for name in [name for name in sys.modules if name.partition(".")[0] in ("langchain", "langchain_core")]:
        monkeypatch.delitem(sys.modules, name)
    for module in ("handler", "middleware"):
        monkeypatch.delitem(sys.modules, f"convexplain.connectors.langchain.{module}", raising=False)
    for name in ("langchain", "langchain_core", "langsmith"):
        monkeypatch.setitem(sys.modules, name, None)
    import convexplain.connectors.langchain as package

    for name in ("ConvexplainCallbackHandler", "AsyncConvexplainCallbackHandler", "ConvexplainMiddleware"):
        with pytest.raises(MissingExtraError, match=r"pip install 'convexplain\[langchain\]'"):
            getattr(package, name)
    assert package.Scorer
    assert package.evaluator
