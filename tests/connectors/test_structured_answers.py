"""Agents that answer with an object: it is judged, held back, or remarked on."""

import asyncio
import logging

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from convexplain.connectors.langchain import ConvexplainCallbackHandler, ConvexplainMiddleware, evaluator
from convexplain.connectors.langchain.middleware import REPLACEMENT
from convexplain.connectors.message_objects import answer_tool, turns_in, turns_of, with_structured_answers
from convexplain.connectors.models import ScriptedModel
from convexplain.store import RunStore
from convexplain.testing import assert_turns

from .agents import Scripted, asked, judge, judged, weather


class Advice(BaseModel):
    """What to do."""

    text: str
    urgent: bool = False


class Plain(BaseModel):
    """An answer."""

    text: str


class Structured(Scripted):
    """Answers by calling the tool of the response format; `native` in JSON."""

    tool: str = "Advice"
    native: bool = False
    asked_for: int = 0

    def _generate(self, messages, *args, **options):
        result = super()._generate(messages, *args, **options)
        last = messages[-1]
        if last.type == "human" and "weather" in str(last.content):
            return result
        self.asked_for += 1
        arguments = {"text": f"Answer {self.asked_for}"}
        if self.tool == "Advice":
            arguments["urgent"] = True
        message = result.generations[0].message
        if self.native:
            message.content = Advice(**arguments).model_dump_json()
        else:
            message.content = ""
            message.tool_calls = [{"name": self.tool, "args": arguments, "id": f"call {self.asked_for}"}]
        return result


FIRST = '{"text": "Answer 1", "urgent": true}'


@pytest.fixture
def store(tmp_path):
    store = RunStore(str(tmp_path / "live.db"))
    yield store
    store.close()


def structured_agent(middleware=(), chat=None, schema=Advice):
    chat = chat or Structured()
    strategy = ProviderStrategy(schema) if chat.native else ToolStrategy(schema)
    return create_agent(
        chat, [weather], response_format=strategy, middleware=list(middleware), checkpointer=InMemorySaver()
    )


def call(agent, text, asynchronous=False, **config):
    config = {"configurable": {"thread_id": "t"}, **config}
    return asyncio.run(agent.ainvoke(asked(text), config)) if asynchronous else agent.invoke(asked(text), config)


def stored(store, number):
    return {talk.id: [turn.content for turn in talk.turns] for talk in store.conversations(number)}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_structured_response_is_judged_in_the_background(store, asynchronous):
    middleware = ConvexplainMiddleware(model := judge(), "helpfulness", store)
    agent = structured_agent([middleware])
    for text in ("one", "two"):
        assert call(agent, text, asynchronous)["structured_response"].urgent
    middleware.close(None)
    second = FIRST.replace("1", "2")
    assert judged(model) == [FIRST, second]
    # The thread goes on: it is one conversation, in which each object is an answer once.
    assert stored(store, middleware.scorer.run) == {"t": ["one", FIRST, "two", second]}


def test_the_handler_judges_it_too(store):
    with ConvexplainCallbackHandler(model := judge(), "helpfulness", store) as handler:
        agent = structured_agent()
        for text in ("one", "weather"):
            call(agent, text, callbacks=[handler])
    assert judged(model) == [FIRST, FIRST.replace("1", "2")]
    assert list(stored(store, handler.scorer.run)) == ["t"]
    assert handler.counts.failed == 0


def test_an_object_with_one_text_is_judged_as_that_text(store):
    middleware = ConvexplainMiddleware(model := judge(), "helpfulness", store)
    call(structured_agent([middleware], Structured(tool="Plain"), Plain), "one")
    middleware.close(None)
    assert judged(model) == ["Answer 1"]


def low_first(request):
    return {"no": 1.0} if "Answer 1" in request.messages[0].content.rpartition("assistant: ")[2] else {"yes": 1.0}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("native", [False, True])
def test_it_is_held_back_and_replaced(store, native, asynchronous):
    middleware = ConvexplainMiddleware(
        ScriptedModel(low_first), "harm", store, hold_back={"harm": 0.5}, on_failure="pass"
    )
    agent = structured_agent([middleware], Structured(native=native))
    state = call(agent, "one", asynchronous)
    assert state["structured_response"] is None
    assert [message.content for message in state["messages"]] == ["one", REPLACEMENT]
    state = call(agent, "two", asynchronous)
    assert state["structured_response"] == Advice(text="Answer 2", urgent=True)
    middleware.close(None)
    histories = stored(store, middleware.scorer.run)
    assert histories["t"][:3] == ["one", REPLACEMENT, "two"]
    assert histories["t#held"][0] == "one"
    assert "Answer 1" in histories["t#held"][1]


def test_it_is_made_anew(store):
    middleware = ConvexplainMiddleware(
        ScriptedModel(low_first), "harm", store, hold_back={"harm": 0.5}, on_failure="pass", retries=1
    )
    state = call(structured_agent([middleware]), "one")
    assert state["structured_response"].text == "Answer 2"
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool"]
    middleware.close(None)


@pytest.mark.parametrize("on_failure", ["hold", "pass"])
def test_where_it_cannot_be_judged_the_choice_counts(store, on_failure):
    middleware = ConvexplainMiddleware(
        ScriptedModel("what?"), "harm", store, hold_back={"harm": 0.5}, on_failure=on_failure
    )
    state = call(structured_agent([middleware]), "one")
    assert (state["structured_response"] is None) == (on_failure == "hold")
    middleware.close(None)


class FromElsewhere:
    """A middleware's state whose object is in no message, as where another middleware makes it."""

    def __init__(self, messages):
        self.state = {"messages": messages, "structured_response": {"text": "Take two."}}


@pytest.mark.parametrize("on_failure", ["hold", "pass"])
def test_an_object_that_is_in_no_message_follows_the_choice(store, on_failure, monkeypatch, caplog):
    monkeypatch.setattr("langgraph.config.get_config", dict)
    middleware = ConvexplainMiddleware(judge(1.0), "harm", store, hold_back={"harm": 0.5}, on_failure=on_failure)
    update = middleware.after_agent(FromElsewhere([HumanMessage("hi", id="1")]).state, None)
    middleware.close(None)
    if on_failure == "hold":
        assert update["structured_response"] is None
        assert update["messages"][0].content == REPLACEMENT
    else:
        assert update is None
    assert middleware.counts.failed >= 1
    assert any("has no text that could be judged" in record.message for record in caplog.records)


@pytest.mark.parametrize(
    ("last", "remark"),
    [
        (AIMessage("Take two.", id="2"), "the last message is judged"),
        (AIMessage("", id="2"), "it is in no message"),
        (AIMessage('{"text": "Take two."}', id="2"), None),
    ],
)
def test_in_the_background_there_is_a_remark(store, last, remark, monkeypatch, caplog):
    monkeypatch.setattr("langgraph.config.get_config", dict)
    with caplog.at_level(logging.WARNING):
        middleware = ConvexplainMiddleware(judge(1.0), "harm", store)
        assert middleware.after_agent(FromElsewhere([HumanMessage("hi", id="1"), last]).state, None) is None
        middleware.close(None)
    logged = [record.message for record in caplog.records]
    expected = [] if remark is None else [f"judging a structured response failed: UsageError: {remark}"]
    assert logged == expected


def answer_call(name="Advice", id="1", **arguments):
    return {"name": name, "args": arguments or {"text": "a", "urgent": True}, "id": id}


def result(id="1", text="Returning structured response: text='a'"):
    return ToolMessage(text, tool_call_id=id)


ASKED = HumanMessage("hi")
ANSWER = AIMessage("", tool_calls=[answer_call()])
BOTH = AIMessage("", tool_calls=[answer_call(), answer_call("weather", "2")])


@pytest.mark.parametrize(
    ("messages", "tool"),
    [
        ([ASKED, ANSWER, result()], "Advice"),
        ([ASKED, BOTH, result(), result("2", "sunny")], "Advice"),
        ([ASKED, BOTH, result(text="Done."), result("2", "sunny")], None),  # which of the two is not clear
        ([ASKED, ANSWER], None),
        ([ASKED, AIMessage("ho")], None),
        ([ToolMessage("x", tool_call_id="1")], None),
        ([], None),
    ],
)
def test_the_tool_of_the_answer(messages, tool):
    assert answer_tool(messages) == tool


FAILED = [ANSWER, result(text="Error")]
B = AIMessage("", tool_calls=[answer_call(id="3", text="b")])


@pytest.mark.parametrize(
    ("messages", "contents"),
    [
        ([ASKED, ANSWER, result()], ["hi", '{"text": "a", "urgent": true}']),
        ([B, result("3")], ["b"]),
        # The agent had to try again: only the second call is the answer.
        ([*FAILED, B, result("3")], [*(turn.content for turn in turns_of(FAILED)), "b"]),
        ([B, result("3"), HumanMessage("on"), AIMessage("ok")], ["b", "on", "ok"]),
        # A call of another tool beside the answer, and its result, are no part of it.
        (
            [BOTH, result(), result("2", "sunny")],
            [turns_of([BOTH])[0].content, "sunny", '{"text": "a", "urgent": true}'],
        ),
    ],
)
def test_answers_in_a_history(messages, contents):
    assert [turn.content for turn in turns_of(with_structured_answers(messages, {"Advice"}))] == contents


def test_the_state_of_an_agent_in_evaluators_and_tests():
    state = {"messages": [ASKED, ANSWER, result()], "structured_response": Advice(text="a", urgent=True)}
    assert [turn.content for turn in turns_in(state, "assistant")] == ["hi", '{"text": "a", "urgent": true}']
    assert evaluator("harm", judge())(outputs=state)["metadata"]["turn"] == 1
    with pytest.warns(UserWarning, match="unvalidated"):
        (judgement,) = assert_turns(state, harm=">=0.5", judge=judge())
    assert judgement.turn == 1
