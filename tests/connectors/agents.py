"""A real agent with a scripted chat model, and what judges it."""

import json
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

from convexplain.connectors.models import ScriptedModel


class Scripted(BaseChatModel):
    """Answers the last message: `weather` in it calls a tool, `ask` another; what a tool said is told; else an echo."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **told: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **told: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=answer(messages))])

    def _stream(self, messages: list[BaseMessage], *args: Any, **told: Any) -> Any:
        said = answer(messages)
        calls = [
            {"name": call["name"], "args": json.dumps(call["args"]), "id": call["id"], "index": 0}
            for call in said.tool_calls
        ]
        if calls:
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_call_chunks=calls))
        for place, word in enumerate(str(said.content).split()):
            yield ChatGenerationChunk(message=AIMessageChunk(word if place == 0 else f" {word}"))


def answer(messages: list[BaseMessage]) -> AIMessage:
    last = messages[-1]
    text = str(last.content)
    if last.type == "tool":
        return AIMessage(f"It says: {text}.")
    for name in ("weather", "ask"):
        if name in text:
            return AIMessage("", tool_calls=[{"name": name, "args": {"about": "Rome"}, "id": f"call-{len(messages)}"}])
    if "fail" in text:
        raise RuntimeError("the model is broken")
    return AIMessage(f"You said: {text}")


@tool
def weather(about: str) -> str:
    """The weather."""
    return f"sunny in {about}"


@tool
def ask(about: str) -> str:
    """Asks a person."""
    return str(interrupt(f"What about {about}?"))


def agent(memory: bool = True, **told: Any) -> Any:
    return create_agent(
        Scripted(), [weather, ask], system_prompt="Be kind.", checkpointer=InMemorySaver() if memory else None, **told
    )


def asked(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def judge(score: float = 0.75, **told: Any) -> ScriptedModel:
    """Gives every turn this score: `yes`, which every shipped rubric has at 1, has that probability."""
    return ScriptedModel({"yes": score, "no": 1 - score}, **told)


def judged(model: ScriptedModel) -> list[str]:
    """The answers that the judge was asked about, in that order."""
    prompts = [request.messages[0].content for request in model.requests]
    talks = [prompt.rpartition("<conversation>")[2].partition("</conversation>")[0] for prompt in prompts]
    return [talk.rpartition("assistant: ")[2].strip() for talk in talks]
