"""Prompts of local models: the text that the chat template writes, and its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from jinja2 import TemplateError

from convexplain.errors import ModelError, TooLongError
from convexplain.models.chat import Message, Request, sendable

from .prefix_tree import common_length

_TODAY = date(2026, 1, 1)
_MARK = "\x02reply\x03"


@dataclass(frozen=True, slots=True)
class PromptEncoder:
    """Encodes requests for one model.

    Attributes:
        name: the model's name, for messages.
        tokenizer: the model's tokenizer, with a chat template.
        window: tokens of prompt and reply together, or None where the model does not say.
    """

    name: str
    tokenizer: Any
    window: int | None

    def text(self, request: Request) -> str:
        """Return the prompt as the chat template writes it. Raises ModelError where the template refuses it."""
        messages = [{"role": message.role, "content": sendable(message.content)} for message in request.messages]
        # What a template writes between the role and the reply (white space, an empty thought) belongs to the prompt.
        if request.opening:
            text = self._rendered([*messages, {"role": "assistant", "content": _MARK}])
            if _MARK in text:
                return text[: text.rindex(_MARK)] + request.opening
        return self._rendered(messages, add_generation_prompt=True) + request.opening

    def text_with_reply(self, request: Request, messages: Sequence[Message]) -> str:
        """Return the text of these messages with the request's reply after them."""
        return self.text(replace(request, messages=tuple(messages), opening=sendable(request.reply)))

    def encode(self, request: Request) -> list[int]:
        """Return the tokens of the prompt. Raises TooLongError where prompt and reply do not fit the window."""
        # The template writes the special tokens itself; asking the tokenizer for them too would double them.
        ids: list[int] = self.tokenizer(self.text(request), add_special_tokens=False)["input_ids"]
        if self.window is not None and len(ids) + request.max_tokens > self.window:
            raise TooLongError(f"the prompt has {len(ids)} tokens; the window of {self.name} holds {self.window}")
        return ids

    def encode_with_reply(self, request: Request) -> tuple[list[int], int]:
        """Return the tokens of the prompt with the request's reply after it, and the index at which the reply begins.

        Tokenised together, so that the two are cut apart where the model would cut them; a token of both is the
        reply's. Special tokens that the reply spells out are special in it, as they are in the prompt.

        Raises:
            ModelError: no token is the reply's alone, or none is before it.
            TooLongError: they do not fit the window.
        """
        reply = sendable(request.reply)
        text = self.text(replace(request, opening=reply))
        ids, prompt = (
            self.tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text, text[: -len(reply)])
        )
        start = common_length(prompt, ids)
        if not 0 < start < len(ids):
            raise ModelError(f"{self.name}: the given reply cannot be scored: {len(ids)} tokens, {start} before it")
        if self.window is not None and len(ids) > self.window:
            raise TooLongError(
                f"prompt and reply have {len(ids)} tokens; the window of {self.name} holds {self.window}"
            )
        return ids, start

    def beginning(self) -> list[int]:
        """Return the tokens that stand before a user's first message in every prompt; none where nothing does."""
        try:
            first, second = (self.encode(Request((Message("user", text),))) for text in ("A", "0"))
        except ModelError:  # the template refuses so short a conversation
            return []
        return first[: common_length(first, second)]

    def _rendered(self, messages: list[dict[str, str]], **options: Any) -> str:
        def strftime_now(form: str) -> str:  # some templates write the date, and a prompt must be the same tomorrow
            return _TODAY.strftime(form)

        try:
            text = self.tokenizer.apply_chat_template(messages, tokenize=False, strftime_now=strftime_now, **options)
        except (TemplateError, ValueError, TypeError) as error:
            raise ModelError(f"{self.name}: its chat template refuses the messages: {error}") from error
        return str(text)
