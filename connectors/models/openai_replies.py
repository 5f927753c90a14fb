"""Responses of OpenAI-compatible servers: replies and errors."""

import json
import math
import re
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from convexplain.errors import ModelError, TooLongError, TransientError, UnavailableError
from convexplain.judges.labels import TokenStep, parse_label, read_reply
from convexplain.models.chat import NoAnswer, Reply, Request

from .thoughts import AnswerAndThoughts, answer_steps, split_message, without_cut_thoughts

_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|exceed_context|prompt.{0,20}too long", re.IGNORECASE)
_DIALECT_WORDS = re.compile(r"logprobs|response_format|json_schema|guided|grammar", re.IGNORECASE)
_NO_SUCH_MODEL = re.compile(r"model_not_supported|model_not_found|not supported by any provider", re.IGNORECASE)
_FILTERED = re.compile(  # Azure; OpenRouter; OpenAI
    r"content_filter|ResponsibleAIPolicyViolation|content management policy|input was flagged|prompt was flagged",
    re.IGNORECASE,
)
# How a reply ends that a filter stopped: OpenAI and Azure; Google; Bedrock.
_FILTER_ENDS = {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii"}
_FILTER_ENDS |= {"guardrail_intervened", "content_filtered"}
_IDS = re.compile(r"\breq_\w{8,}|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{20,}\b", re.IGNORECASE)
_NO_QUOTA = re.compile(r"insufficient_quota|insufficient (credits|balance|funds)|credit balance", re.IGNORECASE)
_UNPAID = re.compile(r"\bbilling\b|payment required|spending limit|out of credits?", re.IGNORECASE)
# A rate limit, though its words speak of billing: Gemini; OpenAI.
_RETRY = re.compile(r"retry in|retryDelay|per (min(ute)?|second|day)\b|try again in|rate_limit_exceeded", re.IGNORECASE)
_MODEL_WORDS = re.compile(  # in Groq's refusals, as JSON or as Python shows it
    r"""["']failed_generation["']\s*:\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
_ROUNDING = 0.01  # a log-probability may be so far above 0
_RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529}


class RefusedError(ModelError):
    """The server does not accept this way of asking (HTTP 400, 422 and the like)."""


class ServerError(TransientError):
    """The server failed at the request (HTTP 500); it may do so each time with a field that it cannot deal with."""


def raise_for_status(response: httpx2.Response, where: str, hint: str, missing: str) -> None:
    """Raise the error that a response reports; return on success.

    Args:
        response: the response.
        where: the endpoint, without secrets.
        hint: where its key is taken from, for the message when it is refused.
        missing: the question to the user when the model is not there.
    """
    status = response.status_code
    if status < 300:
        return
    if status < 400:
        raise UnavailableError(f"{where} sends elsewhere (HTTP {status}), to {response.headers.get('location')}")
    message = f"{where}: HTTP {status}: {error_message(response.text)}"
    raise status_error(status, response.text, message, hint, missing, _retry_after(response))


def raise_for_body(data: Any, where: str, hint: str, missing: str) -> None:
    """Raise the error that an answer with HTTP status 200 holds, as OpenRouter sends them; return where it holds none.

    Args:
        data: the server's answer.
        where: the endpoint, without secrets.
        hint: where its key is taken from, for the message when it is refused.
        missing: the question to the user when the model is not there.
    """
    if not isinstance(data, dict):
        return
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    answered = isinstance(message, dict) and bool(message.get("content"))
    error = choice.get("error") or (None if answered else data.get("error"))
    if not error:
        return
    raw = json.dumps({"error": error})
    code = str(error.get("code")) if isinstance(error, dict) else ""
    status = int(code) if re.fullmatch("[45][0-9]{2}", code) else 0
    title = f"error {status}" if status else "an error"
    raise status_error(status, raw, f"{where}: HTTP 200 with {title}: {error_message(raw)}", hint, missing)


def status_error(
    status: int, raw: str, message: str, hint: str, missing: str, retry_after: float | None = None
) -> ModelError:
    """Return the error for a status that reports one.

    Args:
        status: the HTTP status, or what stands for it in the body; 0 where there is none.
        raw: the body.
        message: the endpoint, the status and the server's words.
        hint: where its key is taken from, for the message when it is refused.
        missing: the question to the user when the model is not there.
        retry_after: seconds that the server asks to wait; None where it does not.
    """
    raw = _MODEL_WORDS.sub("", raw)  # a reply about a bill is no refusal for want of money
    if status == 402 or (status in (0, 400, 403, 429) and _is_unpaid(raw, retry_after)):
        unpaid = "it has to be paid for: add credit or raise the spending limit where the key is from"
        return UnavailableError(f"{message} ({unpaid})", raw)
    if status in _RETRIED or (status == 0 and "rate_limit" in raw):
        return (ServerError if status == 500 else TransientError)(message, raw, retry_after=retry_after)
    if status == 403 and "logprobs" in raw:  # OpenAI's refusal for models that give none
        return RefusedError(message, raw)
    if status in (400, 403) and _FILTERED.search(raw):
        return ModelError(f"the provider's content filter refused the prompt: {message}", raw)
    if status in (401, 403):
        return UnavailableError(f"{message} ({hint})", raw)
    if status in (404, 410) or (status == 400 and _NO_SUCH_MODEL.search(raw)):
        return UnavailableError(f"{message} ({missing})", raw)
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(raw) and not _DIALECT_WORDS.search(raw)):
        return TooLongError(message, raw)
    if status in (400, 415, 422, 501):
        return RefusedError(message, raw)
    return ModelError(message, raw)


def _is_unpaid(raw: str, retry_after: float | None) -> bool:
    """Return whether a refusal is about money; a rate limit whose words speak of billing ends by itself."""
    if _NO_QUOTA.search(raw):
        return True
    return retry_after is None and bool(_UNPAID.search(raw)) and not _RETRY.search(raw)


def read_completion(
    data: Any, request: Request, seconds: float, *, counted: bool = False, thinks: bool = False
) -> Reply:
    """Return the reply in a chat completion. Raises KeyError, TypeError and the like where it is none.

    Args:
        data: the server's answer.
        request: what was asked.
        seconds: how long it took.
        counted: log-probabilities may come as lists beside each other, one for tokens and one for their alternatives.
        thinks: the model thinks before each answer.
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
        if not isinstance(logprob, (int, float)) or math.isnan(logprob) or logprob > _ROUNDING:
            return {}
        alternatives[str(token)] = min(0.0, float(logprob))
    return alternatives


def _retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date; ten minutes at most."""
    value = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(600.0, max(0.0, seconds))


def error_message(raw: str) -> str:
    """Return the server's own words, without the JSON or HTML around them, and without numbers of requests."""
    try:
        data = json.loads(raw)
        error = data.get("error", data) if isinstance(data, dict) else data
        raw = str(error.get("message", error) if isinstance(error, dict) else error)
    except ValueError:
        raw = re.sub(r"<[^>]*>", " ", raw)
    words = _IDS.sub("…", " ".join(raw.split()))
    return words[:300] or "no explanation"


def no_completion(response: httpx2.Response, error: Exception) -> str:
    """Return what an answer is that holds no chat completion, for the user.

    Args:
        response: the answer.
        error: what reading it as a chat completion raised.
    """
    text = response.text.strip()
    if not text:
        return "it is empty"
    if text.startswith("<"):
        return "it is a web page (HTML); is the URL right? It usually ends in /v1"
    if isinstance(error, json.JSONDecodeError):
        return "it is not JSON"
    if isinstance(error, (KeyError, IndexError)):
        return "it is JSON, but holds no choice with a message"
    return f"its form is another one ({type(error).__name__}: {error})"
