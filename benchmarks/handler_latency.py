"""Delay of a call by the LangChain callback handler while its queue is full: `python benchmarks/handler_latency.py`.

Calls with the handler and without it take turns. The control is a loop that spends as much processor time as the
handler did: what the clock shows beyond that is the machine's own. The judge is a scripted model that takes 50 ms a
call, or, with `--judge`, any other: `embedded` works in the same process, and shows what sharing it costs.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import tool

from convexplain.connectors.langchain import ConvexplainCallbackHandler
from convexplain.connectors.models import ScriptedModel


class Chat(FakeListChatModel):
    """Calls a tool first, then answers."""

    def bind_tools(self, tools: Any, **options: Any) -> Any:  # noqa: D102
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> Any:
        result = super()._generate(messages, *args, **options)
        if messages[-1].type == "human" and messages[-1].content == "weather":
            call = {"name": "weather", "args": {"city": "Rome"}, "id": "1"}
            result.generations[0].message = AIMessage("", tool_calls=[call])
        return result


@tool
def weather(city: str) -> str:
    """The weather."""
    return f"sunny in {city}"


def history(length: int, last: str) -> list[BaseMessage]:
    messages: list[BaseMessage] = []
    for number in range(length // 2):
        messages += [HumanMessage(f"Question {number}? " * 10), AIMessage(f"Answer {number}. " * 20)]
    return [*messages, HumanMessage(last)]


def fill(handler: ConvexplainCallbackHandler) -> None:
    number = 0
    while not handler.counts.dropped:
        config = {"callbacks": [handler], "metadata": {"thread_id": f"fill {number}"}}
        FakeListChatModel(responses=[f"Answer {number}"]).invoke("Hello", config)
        number += 1


class Stopwatch:
    """Adds up what is spent in a handler's hooks: seconds of the clock, and of this thread's processor time.

    On a machine that is busy with other things the clock counts those, too, as the control shows; processor time does
    not, but leaves out what is spent waiting for Python's lock.
    """

    def __init__(self, handler: ConvexplainCallbackHandler) -> None:
        self.clock = self.processor = 0.0
        for name in [name for name in dir(handler) if name.startswith("on_")]:
            setattr(handler, name, self._timed(getattr(handler, name)))

    def reset(self) -> None:  # noqa: D102
        self.clock = self.processor = 0.0

    def _timed(self, hook: Callable[..., None]) -> Callable[..., None]:
        def one(*args: Any, **options: Any) -> None:
            clock, processor = time.perf_counter(), time.thread_time()
            hook(*args, **options)
            self.processor += time.thread_time() - processor
            self.clock += time.perf_counter() - clock

        return one


def spin(seconds: float) -> float:
    """Spends processor time; how long that took by the clock."""
    began, until = time.perf_counter(), time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return time.perf_counter() - began


def measure(
    call: Callable[[dict[str, Any]], Any], handler: ConvexplainCallbackHandler, watch: Stopwatch, n: int
) -> dict[str, float]:
    """Milliseconds a call: what is spent in the handler's hooks, and the whole with it and without it."""
    names = ("handler", "handler, processor", "control", "call with", "call without")
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(n):
        thread = {"thread_id": f"thread {number}"}
        watch.reset()
        began = time.perf_counter()
        call({"callbacks": [handler], "metadata": thread})
        times["call with"].append(time.perf_counter() - began)
        times["handler"].append(watch.clock)
        times["handler, processor"].append(watch.processor)
        times["control"].append(spin(watch.processor))
        began = time.perf_counter()
        call({"metadata": thread})
        times["call without"].append(time.perf_counter() - began)
    return {
        f"{name}, p{share}": round(1000 * statistics.quantiles(seconds, n=100)[share - 1], 3)
        for name, seconds in times.items()
        for share in (50, 99)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", help="instead of the scripted one")
    parser.add_argument("-n", type=int, default=2000)
    options = parser.parse_args()
    judge = options.judge or ScriptedModel({"yes": 0.9, "no": 0.1}, seconds=0.05, in_flight=1)
    chat = FakeListChatModel(responses=["The answer is four. " * 5])
    agent = create_agent(Chat(responses=["It is sunny."]), [weather])
    short, long, question = history(2, "And?"), history(100, "And?"), history(2, "weather")
    calls: dict[str, Callable[[dict[str, Any]], Any]] = {
        "chat model, 3 messages": lambda config: chat.invoke(short, config),
        "chat model, 101 messages": lambda config: chat.invoke(long, config),
        "agent with a tool": lambda config: agent.invoke({"messages": question}, config),
    }
    with tempfile.TemporaryDirectory() as folder:
        handler = ConvexplainCallbackHandler(judge, store=str(Path(folder) / "live.db"))
        watch = Stopwatch(handler)
        for name, call in calls.items():
            for _ in range(20):
                call({})
            fill(handler)
            before = handler.counts
            figures = measure(call, handler, watch, options.n)
            after = handler.counts
            figures["judged meanwhile"] = after.judged - before.judged
            figures["dropped"] = after.dropped - before.dropped
            print(json.dumps({"call": name, "n": options.n, **figures}))
        handler.close(0)


if __name__ == "__main__":
    main()
