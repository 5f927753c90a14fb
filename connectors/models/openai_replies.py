"""Responses of OpenAI-compatible servers: replies and lists of models."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import httpx2

from convexplain.errors import FaultyReplyError
from convexplain.judges.labels import TokenStep, parse_label, read_reply
from convexplain.models.chat import NoAnswer, Reply, Request

from .thoughts import AnswerAndThoughts, answer_steps, split_message, without_cut_thoughts

# How a reply ends that a filter stopped: OpenAI and Azure; Google; Bedrock.
_FILTER_ENDS = {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii"}
_FILTER_ENDS |= {"guardrail_intervened", "content_filtered"}
_ROUNDING = 0.01  # a log-probability may be so far above 0


def read_completion(
    data: Any,
    request: Request,
    seconds: float,
    *,
    counted: bool = False,
    thinks: bool = False,
    numbers_needed: bool = False,
) -> Reply:
    """Return the reply in a chat completion. Raises KeyError, TypeError and the like where it is none.

    Args:
        data: the server's answer.
        request: what was asked.
        seconds: how long it took.
        counted: log-probabilities may come as lists beside each other, one for tokens and one for their alternatives.
        thinks: the model thinks before each answer.
        numbers_needed: a reply with damaged log-probabilities is an error, not a reply without log-probabilities.

    Raises:
        FaultyReplyError: `numbers_needed`, and the log-probabilities are NaN, infinite or above 0.
    """
    choice = data["choices"][0]
    message = _message(choice)
    split = split_message(message)
    truncated = choice.get("finish_reason") == "length"
    if thinks and truncated:
        split = without_cut_thoughts(split)
    refusal = _refusal(message)
    logprobs = choice.get("logprobs")
    steps = _steps(logprobs) or (_listed_steps(logprobs) if counted else [])
    if split.thoughts:
        steps = answer_steps(steps, split.answer)
    no_answer: NoAnswer | None = "refusal" if refusal else _no_answer(choice, message, split)
    written = None if no_answer == "refusal" else parse_label(split.answer, request.opening, request.labels)
    labels = None
    if written is not None and parse_label("".join(s.token for s in steps), request.opening, request.labels) == written:
        labels = read_reply(steps, request.opening, request.labels)
    if numbers_needed and written is not None and labels is None and _is_damaged(logprobs):
        words = "the log-probabilities of the reply are NaN, infinite or above 0"
        raise FaultyReplyError(words, json.dumps(logprobs))
    usage = data.get("usage") or {}
    return Reply(
        text=refusal or split.answer,
        labels=labels,
        logprobs=bool(steps) and (written is None or labels is not None),
        no_answer=no_answer,
        truncated=truncated,
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cached_tokens=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
        seconds=seconds,
    )


def _message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message of a choice, which may be missing where a filter stopped it."""
    message: Mapping[str, Any] = choice.get("message") or {} if _end(choice) in _FILTER_ENDS else choice["message"]
    return message


def _refusal(message: Mapping[str, Any]) -> str:
    """Return the words of a refusal in the field that the protocol has for it; empty where there is none."""
    content = message.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    words = [message.get("refusal"), *(part.get("refusal") for part in parts)]
    return " ".join(word for word in words if isinstance(word, str)).strip()


def _end(choice: Mapping[str, Any]) -> str:
    """Return how a choice ended, in the server's word."""
    return str(choice.get("finish_reason") or "").lower()


def _no_answer(choice: Mapping[str, Any], message: Mapping[str, Any], split: AnswerAndThoughts) -> NoAnswer | None:
    """Return why a choice holds no whole answer, as the server says."""
    if _end(choice) in _FILTER_ENDS:
        return "filter"
    if _end(choice) == "refusal":  # Anthropic
        return "refusal"
    if split.answer.strip():
        return None
    if message.get("tool_calls") or message.get("function_call"):
        return "tool"
    return "thoughts" if split.thoughts else None


def has_thoughts(data: Any) -> bool:
    """Return whether the model of a chat completion thought, or used up its tokens before its answer began."""
    choice = data["choices"][0]
    split = split_message(_message(choice))
    details = (data.get("usage") or {}).get("completion_tokens_details") or {}
    used_up = choice.get("finish_reason") == "length" and not split.answer.strip()
    return bool(split.thoughts) or used_up or int(details.get("reasoning_tokens") or 0) > 0


def served_models(response: httpx2.Response) -> list[dict[str, Any]]:
    """Return the models that the server lists; none where it has no such list."""
    try:
        listed = response.json()["data"]
    except (ValueError, KeyError, TypeError):
        return []
    return [model for model in listed if isinstance(model, dict)] if isinstance(listed, list) else []


def weights_info(model: dict[str, Any]) -> dict[str, Any]:
    """Return what an entry of a server's list of models says of the weights behind the name.

    `root` and `parent` are vLLM's, `meta` is llama.cpp's. `created` says when the model was made with Ollama alone
    (owner `library`); vLLM and llama.cpp put the present time there.
    """
    fields = {"root", "parent", "digest"} | ({"created"} if model.get("owned_by") == "library" else set())
    meta = model["meta"] if isinstance(model.get("meta"), dict) else {}
    info = {key: value for key, value in model.items() if key in fields and value is not None}
    return info | {key: value for key, value in meta.items() if key in ("n_params", "size", "ftype")}


def window_of(model: dict[str, Any]) -> int | None:
    """Return the tokens of prompt and reply together in an entry of a server's list of models; None if missing."""
    meta = model["meta"] if isinstance(model.get("meta"), dict) else {}
    window = model.get("max_model_len") or meta.get("n_ctx")
    return window if isinstance(window, int) and window > 0 else None


def _steps(logprobs: Any) -> list[TokenStep]:
    """Return the reply's tokens with their alternatives; empty where the server gave none that can be used."""
    steps = [
        TokenStep(
            str(step["token"]),
            _alternatives((top["token"], top.get("logprob")) for top in step.get("top_logprobs") or []),
        )
        for step in (logprobs or {}).get("content") or []
    ]
    return steps if any(step.alternatives for step in steps) else []


def _is_damaged(logprobs: Any) -> bool:
    """Return whether a reply's log-probabilities, in either form, hold a number that is none (NaN, infinite, above 0).

    Minus infinity is the log-probability of what is impossible.
    """
    lists = logprobs or {}
    tops = [top for step in lists.get("content") or [] for top in step.get("top_logprobs") or []]
    numbers = [top.get("logprob") for top in tops]
    numbers += [number for alternatives in lists.get("top_logprobs") or [] for number in (alternatives or {}).values()]
    return any(map(_is_impossible, numbers))


def _is_impossible(logprob: Any) -> bool:
    return isinstance(logprob, (int, float)) and (math.isnan(logprob) or logprob > _ROUNDING)


def _listed_steps(logprobs: Any) -> list[TokenStep]:
    """Return the reply's tokens with their alternatives, from one list of each (Together)."""
    lists = logprobs or {}
    steps = [
        TokenStep(str(token), _alternatives((alternatives or {}).items()))
        for token, alternatives in zip(lists.get("tokens") or [], lists.get("top_logprobs") or [], strict=False)
    ]
    return steps if any(step.alternatives for step in steps) else []


def _alternatives(pairs: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """Return log-probabilities by their token; none at all where one is missing, NaN or clearly above 0."""
    alternatives: dict[str, float] = {}
    for token, logprob in pairs:
        if not isinstance(logprob, (int, float)) or _is_impossible(logprob):
            return {}
        alternatives[str(token)] = min(0.0, float(logprob))
    return alternatives


def is_page(response: httpx2.Response) -> bool:
    """Return whether an answer is a web page."""
    return response.text.lstrip().startswith("<")


def no_completion(response: httpx2.Response, error: Exception) -> str:
    """Return what an answer is that holds no chat completion, for the user.

    Args:
        response: the answer.
        error: what reading it as a chat completion raised.
    """
    text = response.text.strip()
    if not text:
        return "it is empty"
    if is_page(response):
        return "it is a web page (HTML); is the URL right? It usually ends in /v1"
    if isinstance(error, json.JSONDecodeError):
        return "it is not JSON"
    if isinstance(error, (KeyError, IndexError)):
        return "it is JSON, but holds no choice with a message"
    return f"its form is another one ({type(error).__name__}: {error})"
