"""Mocks of endpoints with the parameter rules of the real ones: what each refuses, in its words, and how it thinks.

Each takes a prompt that a judge sends, and answers `yes`, or `no` where the judged turn holds "bad".
"""

import json
import math

import httpx2

ANSWER = '{"label": "%s"}'


def label_of(body):
    """Return the label that the model gives to the prompt."""
    prompt = body["messages"][-1]["content"]
    return "no" if "bad" in prompt.rsplit("\nassistant: ", 1)[-1] else "yes"


def steps_of(pieces, label, top):
    """Return log-probabilities of the pieces: 0.8 for the label where it stands last, else 1."""
    other = "no" if label == "yes" else "yes"
    last = max(i for i, piece in enumerate(pieces) if piece == label)
    steps = []
    for i, piece in enumerate(pieces):
        shares = {label: 0.8, other: 0.2} if i == last else {piece: 1.0}
        alternatives = [{"token": token, "logprob": math.log(share)} for token, share in list(shares.items())[:top]]
        steps.append({"token": piece, "logprob": alternatives[0]["logprob"], "top_logprobs": alternatives})
    return {"content": steps}


def error(status, message, **fields):
    """Return a response with an error as OpenAI words it."""
    return httpx2.Response(status, json={"error": {"message": message, "type": "invalid_request_error", **fields}})


class MockServer:
    """An endpoint of the OpenAI protocol that takes everything and does not think.

    Attributes:
        bodies: what was posted, in order.
        thinking: how many tokens the model thinks; 0: it does not.
        logprobs: whether it gives log-probabilities when it is asked for them.
    """

    thinking = 0
    logprobs = True

    def __init__(self):
        self.bodies = []
        self.transport = httpx2.MockTransport(self._handle)

    @property
    def questions(self):
        """Return the bodies of the probe."""
        return [body for body in self.bodies if "Is the sky blue?" in body["messages"][0]["content"]]

    @property
    def requests(self):
        """Return the bodies of all that is no probe."""
        return [body for body in self.bodies if body not in self.questions]

    def _handle(self, request):
        if request.method == "GET":
            return httpx2.Response(200, json={"data": [{"id": "m"}]})
        body = json.loads(request.content)
        self.bodies.append(body)
        return self.refusal(body) or self.answer(body)

    def refusal(self, body):
        """Return the response to a request that is refused; None where it is taken."""
        return

    def thinks(self, body):
        """Return whether the model thinks about this request."""
        return self.thinking > 0

    def answer(self, body):
        """Return the reply, cut at its limit: of thoughts each token counts, the answer takes three."""
        label = label_of(body)
        limit = body.get("max_completion_tokens", body.get("max_tokens", 10**6))
        thoughts = ["hm "] * self.thinking if self.thinks(body) else []
        pieces = [*thoughts, '{"label": "', label, '"}'][:limit]
        answer = pieces[len(thoughts) :]
        message = self.message("".join(thoughts[:limit]), "".join(answer))
        end = "length" if limit < len(thoughts) + 3 else "stop"
        top = body.get("top_logprobs", 0)
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": end, "logprobs": None}
        if self.logprobs and body.get("logprobs") and label in answer:
            choice["logprobs"] = self.steps(thoughts, answer, label, top)
        usage = {"prompt_tokens": 100, "completion_tokens": len(pieces), **self.usage(len(thoughts[:limit]))}
        return httpx2.Response(200, json={"model": body["model"], "choices": [choice], "usage": usage})

    def message(self, thoughts, answer):
        """Return the message's fields."""
        return {"content": answer}

    def steps(self, thoughts, answer, label, top):
        """Return the log-probabilities."""
        return steps_of(answer, label, top)

    def usage(self, thoughts):
        """Return fields of the usage beside the sums."""
        return {}


class OpenAI41(MockServer):
    """OpenAI's GPT-4.1 class: all fields; at most 20 log-probabilities; unknown fields are refused.

    Source: OpenAI's API reference of chat completions (`top_logprobs` between 0 and 20; `max_tokens` is deprecated in
    favour of `max_completion_tokens`, and still taken by models that do not reason).
    """

    known = frozenset(
        {"model", "messages", "max_completion_tokens", "max_tokens", "temperature", "seed", "logprobs"}
        | {"top_logprobs", "response_format", "reasoning_effort"}
    )

    def refusal(self, body):
        if unknown := sorted(body.keys() - self.known):
            return error(400, f"Unrecognized request argument supplied: {unknown[0]}")
        if "reasoning_effort" in body:
            return error(
                400,
                "Unrecognized request argument supplied: reasoning_effort",
            )
        return None


class OpenAI5(OpenAI41):
    """OpenAI's GPT-5 class: `max_completion_tokens` only; temperature 1 and no log-probabilities while it thinks.

    Source: OpenAI's guide to its newest models: temperature, top_p and logprobs are taken from GPT-5.1 on with
    `reasoning_effort` `none`, and raise an error with any other; issue 10932 of vercel/ai says the same. The message
    on `minimal` is quoted in issue 2089 of openai/openai-agents-python.

    Args:
        efforts: the values of `reasoning_effort` that the model takes.
        by_itself: the effort that it takes by itself.
    """

    thinking = 300

    def __init__(self, efforts=("minimal", "low", "medium", "high"), by_itself="medium"):
        super().__init__()
        self.efforts, self.by_itself = efforts, by_itself

    def refusal(self, body):
        if unknown := sorted(body.keys() - self.known):
            return error(400, f"Unrecognized request argument supplied: {unknown[0]}")
        if "max_tokens" in body:
            return error(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.",
                param="max_tokens",
                code="unsupported_parameter",
            )
        effort = body.get("reasoning_effort", self.by_itself)
        if effort not in self.efforts:
            values = ", ".join(f"'{value}'" for value in self.efforts)
            return error(
                400,
                f"Unsupported value: '{effort}' is not supported with the '{body['model']}' model. Supported values "
                f"are: {values}.",
                param="reasoning_effort",
                code="unsupported_value",
            )
        if effort != "none" and body.get("temperature", 1) != 1:
            return error(
                400,
                "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
                "supported.",
                param="temperature",
                code="unsupported_value",
            )
        if effort != "none" and "logprobs" in body:
            return error(403, "You are not allowed to request logprobs from this model")
        return None

    def thinks(self, body):
        return body.get("reasoning_effort", self.by_itself) not in ("none", "minimal")

    def usage(self, thoughts):
        return {"completion_tokens_details": {"reasoning_tokens": thoughts}}


class VLLM(MockServer):
    """vLLM with a thinking model (Qwen3): thoughts off by an argument of the chat template.

    Source: vLLM's page "Reasoning Outputs", version 0.26: thoughts are in `reasoning`, before 0.12 in
    `reasoning_content`; `chat_template_kwargs={"enable_thinking": false}` switches them off. Log-probabilities are of
    all tokens, thoughts among them. Fields that it does not know are ignored.

    Args:
        field: where the reasoning parser puts thoughts; empty: there is no parser, and they stay in the text.
        opened: the chat template has written `<think>` into the prompt.
        obeys: whether the template knows `enable_thinking`.
    """

    thinking = 300

    def __init__(self, field="reasoning", *, opened=False, obeys=True):
        super().__init__()
        self.field, self.opened, self.obeys = field, opened, obeys

    def thinks(self, body):
        return not self.obeys or body.get("chat_template_kwargs", {}).get("enable_thinking", True)

    def message(self, thoughts, answer):
        if self.field:
            return {"content": answer or None, self.field: thoughts or None}
        begin, end = "" if self.opened else "<think>\n", "\n</think>\n\n" if answer else ""
        return {"content": f"{begin}{thoughts}{end}{answer}" if thoughts else answer}

    def steps(self, thoughts, answer, label, top):
        before = [*([] if self.opened else ["<think>", "\n"]), *thoughts, "\n", "</think>", "\n\n"] if thoughts else []
        return steps_of([*before, *answer], label, top)


class LlamaCpp(VLLM):
    """llama.cpp with a chat template that opens `<think>` and that it has no parser for: a schema holds from the start.

    Source: seen on llama.cpp's server (xllamacpp 2026.10): with `response_format` the first token after the opened
    `<think>` is that of the JSON; without, thoughts and `</think>` are in `content`.
    """

    def __init__(self, *, obeys=True):
        super().__init__("", opened=True, obeys=obeys)

    def thinks(self, body):
        return super().thinks(body) and "response_format" not in body


class Ollama(MockServer):
    """Ollama with a thinking model: thoughts are in `reasoning`, off with `reasoning_effort` `none`.

    Source: issues 12004 and 14820 of ollama/ollama, and issue 75 of aictrl-dev/cli, which measured it: `/v1` turns
    thinking off for `reasoning_effort: "none"` alone; `think` is a field of its own API, which `/v1` ignores in
    older versions. Fields that it does not know are ignored.
    """

    thinking = 300
    switch = "reasoning_effort"

    def thinks(self, body):
        return body.get(self.switch) not in ("none", False)

    def message(self, thoughts, answer):
        return {"content": answer, **({"reasoning": thoughts} if thoughts else {})}


class OllamaThink(Ollama):
    """An Ollama whose `/v1` takes `think: false` alone."""

    switch = "think"


class Groq(MockServer):
    """Groq: no log-probabilities; thoughts in `<think>`, or in `reasoning` where JSON is asked for.

    Source: Groq's API reference (`logprobs` and `top_logprobs` are not yet supported by any model) and its page
    "Reasoning": `reasoning_format` is `raw` by default, `parsed` with JSON mode; `reasoning_effort` takes `none` and
    `default` with Qwen 3, and `low`, `medium`, `high` with GPT-OSS.

    Args:
        efforts: the values of `reasoning_effort` that the model takes.
        parsed: whether thoughts are in `reasoning`.
    """

    thinking = 300
    logprobs = False

    def __init__(self, efforts=("none", "default"), *, parsed=False):
        super().__init__()
        self.efforts, self.parsed = efforts, parsed

    def refusal(self, body):
        if "logprobs" in body:
            return error(400, "`logprobs` is not supported with this model")
        if "response_format" in body:
            return error(400, "This model does not support response format `json_schema`.")
        for name in ("chat_template_kwargs", "think", "reasoning"):
            if name in body:
                return error(400, f"property '{name}' is unsupported")
        effort = body.get("reasoning_effort", self.efforts[-1])
        if effort not in self.efforts:
            values = " or ".join(f"`{value}`" for value in self.efforts)
            return error(400, f"`reasoning_effort` must be one of {values}")
        return None

    def thinks(self, body):
        return body.get("reasoning_effort") != "none"

    def answer(self, body):
        self.thinking = 100 if body.get("reasoning_effort") == "low" else 300
        return super().answer(body)

    def message(self, thoughts, answer):
        if self.parsed:
            return {"content": answer, "reasoning": thoughts}
        return {"content": f"<think>{thoughts}" + (f"</think>{answer}" if answer else "") if thoughts else answer}


class OpenRouter(MockServer):
    """OpenRouter: unknown fields are ignored, thoughts are in `reasoning`, errors of providers come with HTTP 200.

    Source: OpenRouter's pages "Reasoning Tokens" (`reasoning: {"enabled": false}` or `effort: "none"`) and "Errors and
    Debugging" (where a provider fails after the request was taken, the status is 200 and the error is in the body,
    or in the choice, whose `finish_reason` is `error`). A provider that gives no log-probabilities leaves them out.

    Args:
        errors: errors to send, in turn, before the answers: (code, message, in the choice or not).
    """

    thinking = 300
    logprobs = False

    def __init__(self, errors=()):
        super().__init__()
        self.errors = list(errors)

    def refusal(self, body):
        if "Is the sky blue?" in body["messages"][0]["content"] or not self.errors:
            return None
        code, message, in_choice = self.errors.pop(0)
        problem = {"code": code, "message": message}
        if not in_choice:
            return httpx2.Response(200, json={"error": problem, "user_id": "u"})
        choice = {"message": {"role": "assistant", "content": ""}, "finish_reason": "error", "error": problem}
        return httpx2.Response(200, json={"model": body["model"], "choices": [choice]})

    def thinks(self, body):
        return body.get("reasoning", {}).get("enabled", True)

    def message(self, thoughts, answer):
        return {"content": answer, "reasoning": thoughts or None}


class Azure(OpenAI41):
    """Azure OpenAI: `api-key`, names of deployments, and a content filter that refuses prompts and replies.

    Source: Microsoft's page "Content filtering" of Azure OpenAI: a filtered prompt is HTTP 400 with code
    `content_filter`, a filtered reply has `finish_reason` `content_filter`.
    """

    def _handle(self, request):
        if request.url.path.endswith("/models") or request.headers.get("api-key"):
            return super()._handle(request)
        return error(401, "Access denied due to invalid subscription key")

    def refusal(self, body):
        if "poison" in body["messages"][-1]["content"]:
            inner = {"code": "ResponsibleAIPolicyViolation"}
            return error(
                400,
                "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
                "Please modify your prompt and retry.",
                code="content_filter",
                innererror=inner,
            )
        return super().refusal(body)
