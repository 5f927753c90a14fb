"""Errors of OpenAI-compatible servers: by HTTP status, in the body of a success, in words."""

import json
import re
import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from convexplain.errors import (
    FaultyReplyError,
    FilteredError,
    ModelError,
    TooLongError,
    TransientError,
    UnavailableError,
)

_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|exceed_context|prompt.{0,20}too long", re.IGNORECASE)
_DIALECT_WORDS = re.compile(r"logprobs|response_format|json_schema|guided|grammar", re.IGNORECASE)
_NO_SUCH_MODEL = re.compile(r"model_not_supported|model_not_found|not supported by any provider", re.IGNORECASE)
_FILTERED = re.compile(  # Azure, Anthropic; OpenAI; OpenRouter; DashScope; DeepSeek
    r"content.?filter|ResponsibleAIPolicyViolation|content management policy|content.?policy|safety system|"
    r"input was flagged|prompt was flagged|data.?inspection.?failed|inappropriate content|content exists risk",
    re.IGNORECASE,
)
_IDS = re.compile(r"\breq_\w{8,}|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{20,}\b", re.IGNORECASE)
_NO_QUOTA = re.compile(r"insufficient_quota|insufficient (credits|balance|funds)|credit balance", re.IGNORECASE)
_UNPAID = re.compile(r"\bbilling\b|payment required|spending limit|out of credits?", re.IGNORECASE)
# A rate limit, though its words speak of billing: Gemini; OpenAI.
_RETRY = re.compile(r"retry in|retryDelay|per (min(ute)?|second|day)\b|try again in|rate_limit_exceeded", re.IGNORECASE)
_MODEL_WORDS = re.compile(  # in Groq's refusals, as JSON or as Python shows it
    r"""["']failed_generation["']\s*:\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
)
# Words for errors in bodies, lower case, without "error", spaces and underscores: OpenAI; Anthropic; Google; vLLM.
_CODES = {
    "insufficientquota": 402,
    "billing": 402,
    "invalidapikey": 401,
    "authentication": 401,
    "unauthenticated": 401,
    "unauthorized": 401,
    "permission": 403,
    "permissiondenied": 403,
    "modelnotfound": 404,
    "notfound": 404,
    "contextlengthexceeded": 413,
    "exceedcontextsize": 413,
    "requesttoolarge": 413,
    "contentfilter": 400,
    "ratelimit": 429,
    "ratelimitexceeded": 429,
    "resourceexhausted": 429,
    "server": 500,
    "internalserver": 500,
    "internal": 500,
    "api": 500,
    "overloaded": 529,
    "serviceunavailable": 503,
    "unavailable": 503,
    "timeout": 504,
    "deadlineexceeded": 504,
}
# The same from the words of an error that has no code.
_WORDS = [
    (_TOO_LONG, 413),
    (_FILTERED, 400),
    (re.compile(r"(invalid|incorrect|missing|no) api.?key|unauthori[sz]ed|authentication", re.IGNORECASE), 401),
    (re.compile(r"rate.?limit|too many requests", re.IGNORECASE), 429),
    (re.compile(r"overloaded|unavailable|capacity|try again|timed? ?out|internal server", re.IGNORECASE), 503),
]
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

    Its code says what it is, else its words; an error that says neither is worth a few more tries.

    Args:
        data: the server's answer.
        where: the endpoint, without secrets.
        hint: where its key is taken from, for the message when it is refused.
        missing: the question to the user when the model is not there.
    """
    error = _error_in(data[0] if isinstance(data, list) and len(data) == 1 else data)  # a list of one: Gemini
    if not error:
        return
    raw = json.dumps({"error": error})
    code, status = error_code(error)
    title = f"error {code}" if code else "an error"
    message = f"{where}: HTTP 200 with {title}: {error_message(raw)}"
    problem = status_error(status or _named_status(raw), raw, message, hint, missing)
    raise FaultyReplyError(message, raw) if type(problem) is ModelError else problem


def _error_in(data: Any) -> Any:
    """Return the error that stands in the place of an answer; None where there is an answer."""
    if not isinstance(data, dict):
        return None
    choices = data.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if error := choice.get("error"):
        return error
    if isinstance(message, dict) and message.get("content"):
        return None
    if error := data.get("error"):
        return error
    if "choices" in data:
        return None
    if data.get("object") == "error":  # vLLM of earlier versions
        return data
    return data.get("detail")  # FastAPI


def error_code(error: Any) -> tuple[str, int]:
    """Return the code of an error in a body, in the server's word, and the HTTP status that it stands for (0: none)."""
    if not isinstance(error, dict):
        return "", 0
    words = [str(error[key]) for key in ("code", "status", "type") if error.get(key)]
    for word in words:
        if re.fullmatch("[45][0-9]{2}", word):
            return word, int(word)
    for word in words:
        if status := _CODES.get(re.sub("[^a-z]", "", word.lower().removesuffix("_error").removesuffix("error"))):
            return word, status
    return "", 0


def _named_status(raw: str) -> int:
    """Return the HTTP status that the words of an error without a code speak of; 0 where they name nothing known."""
    return next((status for pattern, status in _WORDS if pattern.search(raw)), 0)


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
        return FilteredError(f"the provider's content filter refused the prompt: {message}", raw)
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
