"""Every model that comes with convexplain passes the conformance tests, and a bad one does not."""

import asyncio

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from convexplain.connectors.conformance import ChatModelConformance, FaultConformance, ServedModelConformance
from convexplain.connectors.models import (
    EmbeddedModel,
    FunctionModel,
    HubModel,
    LangChainModel,
    LlamaCppModel,
    OpenAICompatible,
    ProviderModel,
    ScriptedModel,
)
from convexplain.connectors.models.providers import PROVIDERS
from convexplain.models.chat import Reply
from tests.stub_server import completion

loopback = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]
FAILURES = {"429": (429, {"Retry-After": "0"}, "{}"), "reset": "close", "hang": "hang"}


def scripted(**fields):
    def answer(request):
        if not request.labels:
            return Reply("Once upon", truncated=True, completion_tokens=2)
        return {"yes": 0.2, "no": 0.8} if "bad one" in request.messages[0].content else {"yes": 0.9, "no": 0.1}

    return ScriptedModel(answer, **fields)


class TestScripted(ChatModelConformance):
    def make(self):
        return scripted(batch=4)


class TestScriptedWithoutLogprobs(ChatModelConformance):
    def make(self):
        return scripted(logprobs=False, seconds=0.005)


@pytest.mark.slow
class TestEmbedded(ChatModelConformance):
    tolerance = 1e-4

    @pytest.fixture(autouse=True)
    def installed(self, embedded_model):
        """The weights are there."""

    def make(self):
        return EmbeddedModel()


class OnAStub(ServedModelConformance):
    @pytest.fixture(autouse=True)
    def served(self, stub):
        self.stub = stub

    def failing(self, failure):
        first = len(self.stub.prompts) + 1
        self.stub.misbehave = lambda number: FAILURES[failure] if number == first else None
        return self.make()


class TestOpenAICompatible(OnAStub):
    pytestmark = loopback

    def make(self):
        return OpenAICompatible(f"{self.stub.url}?timeout=0.5")


class TestOpenAICompatibleWithFaults(FaultConformance):
    pytestmark = loopback

    def make_at(self, url):
        return OpenAICompatible(f"{url}?timeout=0.5")


class TestProbedEndpointWithFaults(TestOpenAICompatibleWithFaults):
    @pytest.fixture(autouse=True)
    def probed(self, probing):
        """The endpoint is asked what it takes."""


class TestHub(OnAStub):
    pytestmark = loopback

    @pytest.fixture(autouse=True)
    def routed(self, stub, monkeypatch):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "INFERENCE_PROXY_TEMPLATE", stub.url.removesuffix("v1") + "{provider}")
        monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")

    def make(self):
        return HubModel("owner/name")


class TestProvider(OnAStub):
    pytestmark = loopback

    def make(self):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("OLLAMA_HOST", self.stub.url.removesuffix("/v1"))
            return ProviderModel(PROVIDERS["ollama"], "stub?timeout=0.5")


@pytest.mark.slow
class TestLlamaCpp(ChatModelConformance):
    pytestmark = loopback
    tolerance = 0.05  # whether a beginning was cached changes how llama.cpp adds up quantised numbers: 0.023 was seen

    @pytest.fixture(autouse=True)
    def file(self, weights):
        self.weights = weights

    def make(self):
        return LlamaCppModel(str(self.weights))


def answer(prompt):
    if "story" in prompt:
        return "Once upon a time there was a sea."
    return '{"label": "no"}' if "bad one" in prompt else '{"label": "yes"}'


async def answer_later(prompt):
    await asyncio.sleep(0.001)
    return answer(prompt)


class TestFunction(ChatModelConformance):
    def make(self):
        return FunctionModel(answer)


class TestFunctionInThreads(ChatModelConformance):
    def make(self):
        return FunctionModel(answer, in_flight=4)


class TestCoroutineFunction(ChatModelConformance):
    def make(self):
        return FunctionModel(answer_later)


class Told(BaseChatModel):
    """A LangChain model that answers like the scripted one, in words or with log-probabilities."""

    told: bool

    @property
    def _llm_type(self):
        return "told"

    def _generate(self, messages, stop=None, run_manager=None, **options):
        if options.get("max_tokens") == 2:
            message = AIMessage("Once upon", response_metadata={"finish_reason": "length"})
        else:
            reply = completion(0.1 if "bad one" in messages[0].content else 0.9)["choices"][0]
            shown = {"logprobs": reply["logprobs"]} if self.told and options.get("logprobs") else {}
            text = reply["message"]["content"].replace("yes", "no" if "bad one" in messages[0].content else "yes")
            message = AIMessage(text, response_metadata=shown)
        return ChatResult(generations=[ChatGeneration(message=message)])


class TestLangChain(ChatModelConformance):
    def make(self):
        return LangChainModel(Told(told=True))


class TestLangChainWithoutLogprobs(ChatModelConformance):
    def make(self):
        return LangChainModel(Told(told=False))


@pytest.mark.parametrize(
    ("fault", "test", "error"),
    [
        ("swaps", "test_replies_come_in_the_order_of_the_requests", AssertionError),
        ("drops", "test_replies_come_in_the_order_of_the_requests", AssertionError),
        ("never cut", "test_a_reply_is_cut_where_it_was_asked_to_be", AssertionError),
        ("raises", "test_no_text_takes_it_down", KeyError),
        ("another each time", "test_it_says_what_it_is", AssertionError),
        ("too probable", "test_a_label_comes_with_its_probability_or_in_words", AssertionError),
    ],
)
def test_a_faulty_model_does_not_pass(fault, test, error):
    class Faulty(ScriptedModel):
        async def chat(self, requests):
            if fault == "raises" and any("\x1b" in m.content or "�" in m.content for r in requests for m in r.messages):
                raise KeyError("template")
            replies = await super().chat(requests)
            if fault == "swaps":
                return replies[::-1]
            if fault == "never cut":
                return [Reply(reply.text, completion_tokens=99) for reply in replies]
            return replies[1:] if fault == "drops" else replies

    made = []

    class Check(ChatModelConformance):
        def make(self):
            made.append(1)
            model = Faulty(scripted()._answer if fault != "too probable" else {"yes": 0.9, "no": 0.9}, batch=2)
            if fault == "another each time":
                model.fingerprint = str(len(made))
            return model

    with pytest.raises(error):
        getattr(Check(), test)()
