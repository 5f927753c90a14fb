"""Coroutines run to their end, for callers without an event loop, or inside one."""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Wraps(Protocol[S_co]):
    """A facade over an object with async methods."""

    @property
    def wrapped(self) -> S_co: ...  # noqa: D102


def run_blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; in a thread of its own where a loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    outcome: list[T | BaseException] = []
    under_way: Future[Callable[[], object]] = Future()

    async def begun() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        under_way.set_result(lambda: task and loop.call_soon_threadsafe(task.cancel))
        return await work

    def run() -> None:
        try:
            outcome.append(asyncio.run(begun()))
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        thread.join()
    except BaseException:  # Ctrl-C, or a notebook's stop: the work ends too
        under_way.result()()
        thread.join()
        raise
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    return result


def blocking(method: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> Callable[Concatenate[Wraps[S], P], T]:
    """Return the blocking form of an async method, with its name, signature and docstring, for a facade."""

    @functools.wraps(method)
    def call(self: Wraps[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run_blocking(method(self.wrapped, *args, **kwargs))

    return call
