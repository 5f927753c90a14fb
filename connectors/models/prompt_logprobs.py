"""The log-probability of a given reply, from a server that tells those of its prompt's tokens, as vLLM does.

The reply is sent as the beginning of the assistant's message, so that it is the end of the prompt. The server tokenises
it; which of the prompt's last tokens are the reply's is found out from their texts.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from convexplain.errors import ModelError
from convexplain.models.chat import Reply, no_reply_logprob

# What a request asks for, besides model and messages, the last of which is the reply. One token must be generated.
SCORING = {
    "max_tokens": 1,
    "temperature": 0.0,
    "prompt_logprobs": 0,  # no alternatives: just the prompt's own tokens
    "add_generation_prompt": False,
    "continue_final_message": True,
}

_IMPOSSIBLE = -9999.0  # what vLLM writes for minus infinity, which JSON has not
_ROUNDING = 1e-3
_END = re.compile(r"<[^<>]+>")  # <|im_end|>, </s>
_PART = "\ufffd"  # a token that is a part of a character


def read_scored(data: Any, name: str, reply: str, seconds: float) -> Reply:
    """What a server says of a given reply.

    White space before the reply's first visible character is only counted where one token has both, for the template
    may have white space there as well.

    Args:
        data: the chat completion.
        name: the model, for messages.
        reply: the reply.
        seconds: how long it took.

    Raises:
        ModelError: the server tells nothing of the prompt's tokens, or the reply is not at their end.
        KeyError, TypeError and the like: it is no chat completion.
    """
    told = data.get("prompt_logprobs") or data["choices"][0].get("prompt_logprobs")
    if not told:
        raise no_reply_logprob(name, "prompt_logprobs is missing in what its server answers")
    # The first of a place is the prompt's own token; the prompt's first token has nothing before it, hence no place.
    own = [next(iter(place.values())) if place else {} for place in told]
    span = reply_span([str(token.get("decoded_token") or "") for token in own], reply)
    if span is None:
        raise ModelError(
            f"{name}: the given reply cannot be told from the rest of the prompt by the server's tokens, and so has no "
            "log-probability",
            str([token.get("decoded_token") for token in own[-20:]]),
        )
    logprobs = [float(token["logprob"]) if token else _IMPOSSIBLE for token in own[slice(*span)]]
    if not all(_IMPOSSIBLE < logprob < _ROUNDING for logprob in logprobs):
        raise ModelError(f"{name}: a token of the given reply has no log-probability", str(own[slice(*span)]))
    usage = data.get("usage") or {}
    return Reply(
        "",
        logprobs=True,
        prompt_tokens=int(usage.get("prompt_tokens") or len(own)),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cached_tokens=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
        seconds=seconds,
        logprob=min(0.0, math.fsum(logprobs)),
        reply_tokens=len(logprobs),
    )


def reply_span(tokens: Sequence[str], reply: str) -> tuple[int, int] | None:
    """Which of a prompt's tokens are the reply's, as (first, end); None where that cannot be told.

    Read from the end, white space apart, for some tokenizers lose it when they show a token. A token that is a part of
    a character is shown as U+FFFD or as nothing, depending on the server's version.

    Args:
        tokens: the tokens' texts; the reply is at their end, perhaps with what ends a turn after it.
        reply: the reply.
    """
    last = next((i for i in reversed(range(len(tokens))) if tokens[i].strip()), None)
    ends = [len(tokens)]
    if last is not None and _END.fullmatch(tokens[last].strip()):
        ends.append(last)
    for end in ends:
        for form in dict.fromkeys((reply, unicodedata.normalize("NFC", reply))):  # as some tokenizers make it
            first = _first(tokens[:end], _visible(form).encode())
            if first is not None:
                return first, end
    return None


def _first(tokens: Sequence[str], reply: bytes) -> int | None:
    """The first of the tokens that end with the reply, the prompt's first one excepted."""
    first = None
    left = {len(reply)} - {0}  # how many of the reply's bytes may stand before the tokens that were looked at
    for i in reversed(range(1, len(tokens))):
        left = _before(tokens[i], left, reply)
        if 0 in left:
            first = i
            left.remove(0)
        if not left:
            break
    if first is not None and reply[0] >= 0x80 and "" in tokens[first - 1 : first + 1]:
        return None  # a part of the reply's first character, or something of the template that is shown as nothing
    return first


def _before(token: str, left: set[int], reply: bytes) -> set[int]:
    """How many of the reply's bytes may stand before the token; 0 where the reply begins in it."""
    if not token:
        return left | _parts(left, reply)
    begun: set[int] = set()
    for character in reversed(_visible(token)):
        left = _parts(left, reply) if character == _PART else _whole(character, left, reply)
        begun |= left & {0}
        left = left - {0}
    return left | begun


def _parts(left: set[int], reply: bytes) -> set[int]:
    """The same before one to three bytes of a longer character."""
    return {n - size for n in left for size in (1, 2, 3) if size <= n and min(reply[n - size : n]) >= 0x80}


def _whole(character: str, left: set[int], reply: bytes) -> set[int]:
    """The same before that character."""
    own = character.encode("utf-8", "replace")
    return {n - len(own) for n in left if reply.endswith(own, 0, n)}


def _visible(text: str) -> str:
    return "".join(text.split())
