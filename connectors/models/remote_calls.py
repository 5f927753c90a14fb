"""Calls to models elsewhere: one request after the other, and tokens by estimate."""

from collections.abc import Awaitable, Callable, Sequence

from convexplain.errors import ModelError
from convexplain.models.chat import Reply, Request


async def ask_each(ask: Callable[[Request], Awaitable[Reply]], requests: Sequence[Request]) -> list[Reply | ModelError]:
    """Return the reply to each request, asked one after the other; a failure is returned in its place."""
    outcomes: list[Reply | ModelError] = []
    for request in requests:
        try:
            outcomes.append(await ask(request))
        except ModelError as error:
            outcomes.append(error)
    return outcomes


def estimate_tokens(text: str) -> int:
    """Return an estimate by the text's length: English has about four characters a token, other scripts fewer."""
    return len(text.encode("utf-8", "replace")) // 3
