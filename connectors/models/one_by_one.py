"""What models share that answer one request after the other, and whose tokenizer is elsewhere."""

from collections.abc import Awaitable, Callable, Sequence

from convexplain.errors import ModelError
from convexplain.models.chat import Reply, Request


async def one_by_one(
    ask: Callable[[Request], Awaitable[Reply]], requests: Sequence[Request]
) -> list[Reply | ModelError]:
    """Asks each request; one that failed has its error in its place."""
    outcomes: list[Reply | ModelError] = []
    for request in requests:
        try:
            outcomes.append(await ask(request))
        except ModelError as error:
            outcomes.append(error)
    return outcomes


def estimated_tokens(text: str) -> int:
    """Tokens by the text's length: English has about four characters a token, other scripts fewer."""
    return len(text.encode("utf-8", "replace")) // 3
