"""Rules of an endpoint: the names of its fields, what it refuses, and how its model is kept from thinking."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from .endpoint_errors import error_message

THINKING_TOKENS = 2048
"""Tokens for thoughts beside each reply, where a model cannot be kept from thinking."""

NO_THINK = "/no_think"
"""The switch that is words at the end of the prompt (Qwen3)."""

# Fields that keep a model from thinking, each from the documentation of the servers that it is for.
SWITCHES: Mapping[str, Mapping[str, Any]] = {
    # vLLM, SGLang, llama.cpp: an argument of the chat template; Qwen3 and others call it one name, DeepSeek the other.
    "chat_template_kwargs": {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
    "reasoning_effort=none": {"reasoning_effort": "none"},  # OpenAI from GPT-5.1 on, Ollama, Groq, Gemini
    "reasoning_effort=minimal": {"reasoning_effort": "minimal"},  # GPT-5
    "think=false": {"think": False},  # Ollama
    "reasoning.enabled=false": {"reasoning": {"enabled": False}},  # OpenRouter, Together
    NO_THINK: {},
}

# Fields for a model that thinks whatever it is asked, so that it thinks little (gpt-oss, Grok).
LEAST_THINKING: Mapping[str, Mapping[str, Any]] = {"reasoning_effort=low": {"reasoning_effort": "low"}}

# Without a hint what a refusal is about, less is asked for in this order: log-probabilities, JSON Schema.
_ORDER = ((20, True), (20, False), (5, True), (5, False), (0, True), (0, False))

_LOGPROBS = re.compile(r"logprobs", re.IGNORECASE)
_SCHEMA = re.compile(r"response_format|json_schema|guided|grammar|structured.output", re.IGNORECASE)
_MOST = re.compile(r"(?:at most|max\w*(?: of)?|between 0 and|range 0 to|up to|less than or equal to|<=)\s*(\d+)")


@dataclass(frozen=True, slots=True)
class EndpointRules:
    """The rules by which one model of an endpoint is asked.

    Attributes:
        limit: the field for the most tokens of a reply.
        seed: the field for the draw's seed; empty: it takes none.
        temperature: whether it takes a temperature.
        top_logprobs: how many log-probabilities it may be asked for at each token; 0: none.
        counted: that number is in the field `logprobs` itself.
        schema: whether it takes a JSON Schema.
        switch: the key in `SWITCHES` or `LEAST_THINKING` of what keeps its model from thinking; empty: nothing.
        thinking_tokens: tokens for thoughts beside the reply's own limit.
        thinks: the model was seen to think when nothing kept it from it.
        alternatives: how many log-probabilities came at the label of a short question; 0: none; None: nothing was
            asked yet.
        limit_decided: the other name of `limit` was refused before.
    """

    limit: str = "max_tokens"
    seed: str = "seed"
    temperature: bool = True
    top_logprobs: int = 20
    counted: bool = False
    schema: bool = True
    switch: str = ""
    thinking_tokens: int = 0
    thinks: bool = False
    alternatives: int | None = None
    limit_decided: bool = False

    def after(self, refusal: str) -> Self | None:
        """Return the rules to try after a refusal; None where nothing is left that could be changed.

        Args:
            refusal: the body of the server's answer.
        """
        if (changed := self.after_named(refusal)) is not None:
            return changed
        place = next((i for i, step in enumerate(_ORDER) if step <= (self.top_logprobs, self.schema)), len(_ORDER))
        if (self.top_logprobs, self.schema) in _ORDER:
            place += 1
        if place >= len(_ORDER):
            return None
        top_logprobs, schema = _ORDER[place]
        return replace(self, top_logprobs=top_logprobs, schema=schema)

    def after_named(self, refusal: str) -> Self | None:
        """Return the rules without the field that a refusal names; None where it names none of them."""
        message = error_message(refusal)
        if self.temperature and _refused("temperature", message):
            return replace(self, temperature=False)
        if self.seed and _refused(self.seed, message):
            return replace(self, seed="")
        if not self.limit_decided and _refused(self.limit, message):
            limit = "max_completion_tokens" if self.limit == "max_tokens" else "max_tokens"
            return replace(self, limit=limit, limit_decided=True)
        of_logprobs = self.top_logprobs > 0 and _LOGPROBS.search(refusal) is not None
        of_schema = self.schema and _SCHEMA.search(refusal) is not None
        if of_logprobs and not of_schema:
            return replace(self, top_logprobs=self._fewer_logprobs(message))
        if of_schema and not of_logprobs:
            return replace(self, schema=False)
        return None

    def fields(self) -> dict[str, Any]:
        """Return the fields of a request that keep the model from thinking."""
        return {**SWITCHES.get(self.switch, {}), **LEAST_THINKING.get(self.switch, {})}

    def rows(self) -> list[tuple[str, str]]:
        """Return the names and values of a table for people."""
        seed = f"`{self.seed}`" if self.seed else "refused: it is not asked for one"
        return [
            ("token limit", f"`{self.limit}`"),
            ("temperature", "taken" if self.temperature else "refused: the provider's own is used"),
            ("seed", seed),
            ("JSON schema", "taken" if self.schema else "refused: the prompt alone asks for JSON"),
            ("thinking", self._thinking()),
        ]

    def _thinking(self) -> str:
        if self.thinking_tokens:
            least = f", with {self.switch}" if self.switch else ""
            return f"cannot be switched off: up to {self.thinking_tokens:,} tokens of thoughts before each reply{least}"
        if self.switch:
            return f"switched off, by {self.switch}"
        return "none was seen"

    def _fewer_logprobs(self, message: str) -> int:
        """Return how many log-probabilities to ask for: as many as the refusal allows, else 5, else none."""
        if (most := _MOST.search(message)) and int(most[1]) < self.top_logprobs:
            return int(most[1])
        return 5 if self.top_logprobs > 5 and "top_logprobs" in message else 0


def _refused(field: str, message: str) -> bool:
    """Return whether the message says that the server does not take the field, or not its value."""
    refusal = (
        r"(unsupported|unrecogni[sz]ed|unknown|unexpected|not supported|not support|not permitted|deprecated|extra_)"
    )
    return (
        re.search(rf"{refusal}.{{0,80}}\b{field}\b|\b{field}\b.{{0,80}}{refusal}", message, re.IGNORECASE) is not None
    )
