"""The log-probability of a given reply, from a server that returns those of its prompt's tokens, as vLLM does.

The reply is sent as the beginning of the assistant's message, so that it is the end of the prompt. The server tokenises
it; the texts of the prompt's last tokens show which of them are the reply's.
"""

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from convexplain.errors import FaultyReplyError, ModelError
from convexplain.models.chat import Reply, no_reply_logprob

# Fields of a request besides model and messages, the last of which is the reply. One token must be generated.
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
    """Return the log-probability that a server has for a given reply, as a Reply.

    White space before the reply's first visible character is only counted where one token has both, for the template
    may have white space there as well.

    Args:
        data: the chat completion.
        name: the model, for messages.
        reply: the reply.
        seconds: how long it took.

    Raises:
        FaultyReplyError: a number is NaN, infinite or above 0.
        ModelError: the server returns nothing about the prompt's tokens, or the reply is not at their end.
        KeyError, TypeError and the like: it is no chat completion.
    """
    places = data.get("prompt_logprobs") or data["choices"][0].get("prompt_logprobs")
    if not places:
        raise no_reply_logprob(name, "prompt_logprobs is missing in what its server answers")
    # The first of a place is the prompt's own token; the prompt's first token has nothing before it, hence no place.
    tokens = [next(iter(place.values())) if place else {} for place in places]
    span = reply_span([str(token.get("decoded_token") or "") for token in tokens], reply)
    if span is None:
        raise ModelError(
            f"{name}: the given reply cannot be told from the rest of the prompt by the server's tokens, and so has no "
            "log-probability",
            str([token.get("decoded_token") for token in tokens[-20:]]),
        )
    logprobs = [float(token["logprob"]) if token else _IMPOSSIBLE for token in tokens[slice(*span)]]
    if any(math.isnan(logprob) or logprob >= _ROUNDING for logprob in logprobs):
        words = f"{name}: the log-probabilities of the given reply are NaN, infinite or above 0"
        raise FaultyReplyError(words, str(tokens[slice(*span)]))
    if not all(_IMPOSSIBLE < logprob < _ROUNDING for logprob in logprobs):
        raise ModelError(f"{name}: a token of the given reply has no log-probability", str(tokens[slice(*span)]))
    usage = data.get("usage") or {}
    return Reply(
        "",
        logprobs=True,
        prompt_tokens=int(usage.get("prompt_tokens") or len(tokens)),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cached_tokens=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
        seconds=seconds,
        logprob=min(0.0, math.fsum(logprobs)),
        reply_tokens=len(logprobs),
    )


def reply_span(tokens: Sequence[str], reply: str) -> tuple[int, int] | None:
    """Return the reply's tokens among a prompt's, as (first, end); None where that is unclear.

    Read from the end, white space apart, for some tokenizers lose it when they show a token. A token that is a part of
    a character is shown as U+FFFD or as nothing, depending on the server's version.

    Args:
        tokens: the tokens' texts; the reply is at their end, perhaps with the end of the turn after it.
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
    """Return the first of the tokens that end with the reply, the prompt's first one excepted."""
    first = None
    remaining = {len(reply)} - {0}  # how many of the reply's bytes may be before the tokens that were read
    for i in reversed(range(1, len(tokens))):
        remaining = _before(tokens[i], remaining, reply)
        if 0 in remaining:
            first = i
            remaining.remove(0)
        if not remaining:
            break
    if first is not None and reply[0] >= 0x80 and "" in tokens[first - 1 : first + 1]:
        return None  # a part of the reply's first character, or something of the template that is shown as nothing
    return first


def _before(token: str, remaining: set[int], reply: bytes) -> set[int]:
    """Return how many of the reply's bytes may be before the token; 0 where the reply begins in it."""
    if not token:
        return remaining | _before_part(remaining, reply)
    begun: set[int] = set()
    for character in reversed(_visible(token)):
        if character == _PART:
            remaining = _before_part(remaining, reply)
        else:
            remaining = _before_character(character, remaining, reply)
        begun |= remaining & {0}
        remaining = remaining - {0}
    return remaining | begun


def _before_part(remaining: set[int], reply: bytes) -> set[int]:
    """Return the same before one to three bytes of a longer character."""
    return {n - size for n in remaining for size in (1, 2, 3) if size <= n and min(reply[n - size : n]) >= 0x80}


def _before_character(character: str, remaining: set[int], reply: bytes) -> set[int]:
    """Return the same before that character."""
    encoded = character.encode("utf-8", "replace")
    return {n - len(encoded) for n in remaining if reply.endswith(encoded, 0, n)}


def _visible(text: str) -> str:
    return "".join(text.split())
