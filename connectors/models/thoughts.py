"""Thoughts of models, which are never an answer: they are split off in texts, messages and lists of tokens."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convexplain.judges.labels import TokenStep

# Fields of a message in which servers put thoughts: vLLM and DeepSeek, vLLM and OpenRouter and Groq, Ollama.
_FIELDS = ("reasoning_content", "reasoning", "thinking")
_TAGS = r"(?:think|thinking|thought|thoughts|reasoning)"
_BEGIN = re.compile(rf"<{_TAGS}>|\[THINK\]|<\|channel\|>analysis<\|message\|>", re.IGNORECASE)
_END = re.compile(rf"</{_TAGS}>|\[/THINK\]|<\|channel\|>final<\|message\|>", re.IGNORECASE)
_JSON = re.compile(r"\s*(?:```\w*\s*)?\{")
_ANSWER = re.compile(r"\s*[{`\"']")  # a reply that begins like the JSON that judges ask for may quote such a mark


@dataclass(frozen=True, slots=True)
class AnswerAndThoughts:
    """The two parts of a model's message."""

    answer: str
    thoughts: str = ""


def split_text(text: str) -> AnswerAndThoughts:
    """Split a text: what stands in `<think>…</think>` and the like is thoughts.

    A block that is not closed reaches to the end. Where a chat template has written the opening mark into the prompt,
    the text begins within thoughts; they end at the last closing mark.
    """
    thoughts: list[str] = []
    while not _ANSWER.match(text) and (begin := _BEGIN.search(text)):
        end = _END.search(text, begin.end())
        thoughts.append(text[begin.end() : end.start() if end else len(text)])
        text = text[: begin.start()] + (text[end.end() :] if end else "")
    if not _ANSWER.match(text) and (ends := list(_END.finditer(text))):
        thoughts.append(text[: ends[-1].start()])
        text = text[ends[-1].end() :]
    return AnswerAndThoughts(text.lstrip() if thoughts else text, "\n".join(thoughts).strip())


def without_cut_thoughts(split: AnswerAndThoughts) -> AnswerAndThoughts:
    """Return the parts of a reply that was cut, of a model that thinks before each answer.

    Where a chat template has written the opening mark into the prompt, and the reply was cut before the closing one, no
    mark shows that a text is thoughts. So without marks it is thoughts, unless it begins like the JSON asked for.
    """
    if split.thoughts or _JSON.match(split.answer):
        return split
    return AnswerAndThoughts("", split.answer.strip())


def split_message(message: Mapping[str, Any]) -> AnswerAndThoughts:
    """Split a message of a chat completion, whose thoughts may be in a field of their own, in parts, or in the text."""
    content = message.get("content")
    thoughts = [_plain(message.get(name)) for name in _FIELDS]
    if isinstance(content, list):  # Mistral: parts of text and of thinking
        parts = [part for part in content if isinstance(part, dict)]
        thoughts += [_plain(part) for part in parts if part.get("type") in ("thinking", "reasoning")]
        content = "".join(str(part.get("text") or "") for part in parts if part.get("type") in ("text", "output_text"))
    split = split_text(str(content or ""))
    return AnswerAndThoughts(split.answer, "\n".join(filter(None, [*thoughts, split.thoughts])))


def answer_steps(steps: Sequence[TokenStep], answer: str) -> list[TokenStep]:
    """Return the steps of a reply that are its answer; none where the answer is not what the steps end with.

    Args:
        steps: the tokens of the whole reply, its thoughts among them or not.
        answer: the reply without its thoughts.
    """
    answer = answer.strip()
    start = "".join(step.token for step in steps).rfind(answer) if answer else -1
    if start < 0:
        return []
    offset = 0
    for i, step in enumerate(steps):
        if offset + len(step.token) > start:
            before = step.token[: start - offset]  # the answer begins inside a token
            first = TokenStep(
                step.token[len(before) :],
                {token[len(before) :]: p for token, p in step.alternatives.items() if token.startswith(before)},
            )
            return [first, *steps[i + 1 :]]
        offset += len(step.token)
    return []


def _plain(thoughts: Any) -> str:
    """Return the text of thoughts, which may be in lists and objects."""
    if isinstance(thoughts, str):
        return thoughts.strip()
    if isinstance(thoughts, list):
        return "\n".join(filter(None, map(_plain, thoughts)))
    if isinstance(thoughts, dict):
        return "\n".join(
            filter(None, (_plain(thoughts.get(name)) for name in ("text", "content", "summary", *_FIELDS)))
        )
    return ""
