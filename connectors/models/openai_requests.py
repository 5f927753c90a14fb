"""Requests to OpenAI-compatible servers, with the fields that a server takes."""

from typing import Any

from convexplain.models.chat import Request, sendable

from .endpoint_rules import NO_THINK, EndpointRules


def request_body(request: Request, model: str, rules: EndpointRules, effort: str = "") -> dict[str, Any]:
    """Return the body of a request for a chat completion.

    Args:
        request: what is asked.
        model: the server's name of the model.
        rules: what the server takes.
        effort: how much a reasoning model may think, in the server's words; empty: as it does by itself.
    """
    limit = request.max_tokens + rules.thinking_tokens
    body: dict[str, Any] = {"model": model, "messages": messages_of(request), rules.limit: limit, **rules.fields()}
    if rules.switch == NO_THINK:
        body["messages"][-1]["content"] += f" {NO_THINK}"
    if rules.temperature:
        body["temperature"] = request.temperature
    if rules.seed:
        body[rules.seed] = request.draw
    if effort:
        body["reasoning_effort"] = effort
    if request.labels and rules.top_logprobs:
        count = rules.top_logprobs
        body |= {"logprobs": count} if rules.counted else {"logprobs": True, "top_logprobs": count}
    if request.schema is not None and rules.schema:
        form = {"name": "answer", "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return body


def messages_of(request: Request) -> list[dict[str, str]]:
    """Return the messages of a request as the protocol has them."""
    return [{"role": message.role, "content": sendable(message.content)} for message in request.messages]
