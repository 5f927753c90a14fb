"""Responses of OpenAI-compatible servers: replies and errors."""

import json
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from convexplain.errors import ModelError, TooLongError, TransientError, UnavailableError
from convexplain.judges.labels import TokenStep, read_reply
from convexplain.models.chat import LabelLogprobs, Reply, Request

_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|exceed_context|prompt.{0,20}too long", re.IGNORECASE)
_DIALECT_WORDS = re.compile(r"logprobs|response_format|json_schema|guided|grammar", re.IGNORECASE)
_NO_SUCH_MODEL = re.compile(r"model_not_supported|model_not_found|not supported by any provider", re.IGNORECASE)
_RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529}


class RefusedError(ModelError):
    """The server does not accept this way of asking (HTTP 400, 422 and the like)."""


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
    raw = response.text
    message = f"{where}: HTTP {status}: {error_message(raw)}"
    if status in _RETRIED:
        raise TransientError(message, raw, retry_after=_retry_after(response))
    if status == 403 and "logprobs" in raw:  # OpenAI's refusal for models that give none
        raise RefusedError(message, raw)
    if status in (401, 403):
        raise UnavailableError(f"{message} ({hint})", raw)
    if status == 402:
        raise UnavailableError(f"{message} (it has to be paid for)", raw)
    if status in (404, 410) or (status == 400 and _NO_SUCH_MODEL.search(raw)):
        raise UnavailableError(f"{message} ({missing})", raw)
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(raw) and not _DIALECT_WORDS.search(raw)):
        raise TooLongError(message, raw)
    if status in (400, 415, 422, 501):
        raise RefusedError(message, raw)
    raise ModelError(message, raw)


def read_completion(data: Any, request: Request, seconds: float, *, counted: bool = False) -> Reply:
    """Return the reply in a chat completion. Raises KeyError, TypeError and the like where it is none.

    Args:
        data: the server's answer.
        request: what was asked.
        seconds: how long it took.
        counted: log-probabilities may come as lists beside each other, one for tokens and one for their alternatives.
    """
    choice = data["choices"][0]
    text = choice["message"].get("content") or ""
    logprobs = choice.get("logprobs")
    steps = _steps(logprobs) or (_listed_steps(logprobs) if counted else [])
    labels: LabelLogprobs | None = None
    if request.labels and steps:
        labels = read_reply(steps, request.opening, request.labels)
    usage = data.get("usage") or {}
    return Reply(
        text=str(text),
        labels=labels,
        logprobs=bool(steps),
        truncated=choice.get("finish_reason") == "length",
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        cached_tokens=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
        seconds=seconds,
    )


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
    """Return the reply's tokens with their alternatives; empty where the server gave none, or a useless list."""
    content = (logprobs or {}).get("content") or []
    return [
        TokenStep(
            str(step["token"]),
            {str(top["token"]): float(top["logprob"]) for top in step.get("top_logprobs") or []},
        )
        for step in content
        if step.get("top_logprobs")
    ]


def _listed_steps(logprobs: Any) -> list[TokenStep]:
    """Return the reply's tokens with their alternatives, from one list of each (Together)."""
    lists = logprobs or {}
    return [
        TokenStep(str(token), {str(name): float(logprob) for name, logprob in alternatives.items()})
        for token, alternatives in zip(lists.get("tokens") or [], lists.get("top_logprobs") or [], strict=False)
        if alternatives
    ]


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
    """Return the server's own words, without the JSON or HTML around them."""
    try:
        data = json.loads(raw)
        error = data.get("error", data) if isinstance(data, dict) else data
        raw = str(error.get("message", error) if isinstance(error, dict) else error)
    except ValueError:
        raw = re.sub(r"<[^>]*>", " ", raw)
    words = " ".join(raw.split())
    return words[:300] or "no explanation"
