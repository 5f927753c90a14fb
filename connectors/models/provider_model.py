"""Models that are named by their provider, as in `openai:MODEL`: opened by our own client, or through LangChain."""

from urllib.parse import quote

import httpx2

from convexplain.errors import UsageError

from .credentials import Credentials, provider_credentials
from .langchain_chat import LangChainModel
from .openai_compatible import OpenAICompatible
from .providers import LANGCHAIN_NAMES, Provider


class ProviderModel(OpenAICompatible):
    """A model of a provider that speaks the OpenAI chat completions protocol.

    The provider's key goes to the provider's own address only. It is read when the object is made, and is never shown.

    Args:
        provider: whose model it is.
        model: its name there (at Azure the deployment's). Options may follow as after a URL, except `model` and `key`:
            `gpt-5?in_flight=4&timeout=60`.
        transport: replaces the network, for tests.
        credentials: credentials that replace the provider's key.

    Raises:
        UnavailableError: the environment variable that must hold the provider's address is not set.
        UsageError: no model is named, or an option, or what an environment variable holds, is not valid.
    """

    missing = "is the model's name right (at Azure the deployment's), and may the key use it?"

    def __init__(
        self,
        provider: Provider,
        model: str,
        transport: httpx2.AsyncBaseTransport | None = None,
        *,
        credentials: Credentials | None = None,
    ) -> None:
        name, _, options = model.partition("?")
        if not name:
            raise UsageError(f"{provider.name}:{model} names no model; valid is {provider.name}:MODEL")
        self._provider = provider.name
        url = f"{provider.base_url()}?model={quote(name, safe='')}"
        super().__init__(
            f"{url}&{options}" if options else url,
            transport,
            credentials=credentials or provider_credentials(provider),
            rules=provider.rules,
            switches=provider.switches,
        )

    @property
    def fingerprint(self) -> str:
        """Return the address and the model: another address of the same provider is another server."""
        return self._identity(super()._address(self._model))

    def _address(self, model: str) -> str:
        return f"{self._provider}:{model}"


def langchain_model(prefix: str, model: str) -> LangChainModel:
    """Return a model that LangChain opens by its provider.

    Args:
        prefix: the provider, one of `LANGCHAIN_PACKAGES`.
        model: the model's name there.
    """
    return LangChainModel(f"{LANGCHAIN_NAMES.get(prefix, prefix)}:{model}", f"{prefix}:{model}")
