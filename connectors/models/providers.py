"""Providers whose models are named as `PROVIDER:MODEL`: where each is reached, and which variable holds its key.

The addresses, variables and names of fields are those of the providers' own documentation in November 2026.
"""

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from convexplain.errors import ConvexplainError, UnavailableError, UsageError

from .openai_requests import Wording
from .origins import origin_of

_HTTP_URL = re.compile(r"https?://[^\s/?#][^\s?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that speaks the OpenAI chat completions protocol.

    Attributes:
        name: what stands before the model's name.
        address: the base URL; empty where each customer has an own one.
        key: the environment variable that holds the key; empty where none is sent.
        address_from: the environment variable that may hold another address; empty where there is none.
        example: what such an address looks like.
        path: the end of the base URL, which an address in the environment may leave out.
        port: the port of an address in the environment that has no scheme; None where it needs one.
        header: the HTTP header that carries the key.
        wording: how its servers call what they are asked for.
    """

    name: str
    address: str
    key: str = ""
    address_from: str = ""
    example: str = ""
    path: str = ""
    port: int | None = None
    header: str = "Authorization"
    wording: Wording = field(default_factory=Wording)

    def base_url(self) -> str:
        """Return the base URL, with what the environment says of it.

        Raises:
            UnavailableError: the environment variable that must hold it is not set.
            UsageError: that variable holds no URL, or one with a user in it.
        """
        address = os.environ.get(self.address_from, "").strip().rstrip("/") if self.address_from else ""
        if not address and not self.address:
            raise UnavailableError(
                f"{self.name}: there is no address; put it into the environment variable {self.address_from}, "
                f"as {self.example}"
            )
        if not address:
            return self.address
        url = self._with_scheme(address)
        if not _HTTP_URL.fullmatch(url):
            raise UsageError(
                f"{self.address_from}={address.rpartition('@')[2].partition('?')[0]!r} is no address; valid is "
                f"{self.example}"
            )
        if "@" in urlsplit(url).netloc:
            instead = f"the key is in {self.key}" if self.key else "http://USER@HOST:PORT/v1?model=NAME takes a user"
            raise UsageError(f"{self.address_from} holds a user; valid is {self.example} ({instead})")
        return url if url.endswith(self.path) else url + self.path

    def serves(self, origin: str) -> bool:
        """Return whether the origin is this provider's own, as the environment has it."""
        try:
            return origin_of(urlsplit(self.base_url())) == origin
        except (ConvexplainError, ValueError):
            return False

    def _with_scheme(self, address: str) -> str:
        """Return an address such as `HOST` or `HOST:PORT` as a URL, as Ollama's own programs understand it."""
        if self.port is None or "://" in address:
            return address
        host, slash, path = address.partition("/")
        if not re.search(r":\d+$", host):
            host = f"{host}:{self.port}"
        # A server may be told to listen everywhere; it is reached on this machine then.
        host = re.sub(r"^(0\.0\.0\.0|\[::\]|)(?=:\d+$)", "localhost", host)
        return f"http://{host}{slash}{path}"


PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider(
            "openai",
            "https://api.openai.com/v1",
            "OPENAI_API_KEY",
            address_from="OPENAI_BASE_URL",
            example="https://HOST/v1",
            wording=Wording("max_completion_tokens"),
        ),
        Provider(
            "azure",
            "",
            "AZURE_OPENAI_API_KEY",
            address_from="AZURE_OPENAI_ENDPOINT",
            example="https://RESOURCE.openai.azure.com",
            path="/openai/v1",
            header="api-key",
            wording=Wording("max_completion_tokens"),
        ),
        Provider("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        Provider("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", wording=Wording(seed="random_seed")),
        Provider("together", "https://api.together.ai/v1", "TOGETHER_API_KEY", wording=Wording(counted=True)),
        Provider("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        Provider(
            "ollama",
            "http://localhost:11434/v1",
            address_from="OLLAMA_HOST",
            example="http://HOST:PORT",
            path="/v1",
            port=11434,
        ),
    )
}

# Names of our own for providers that LangChain knows under another one.
LANGCHAIN_NAMES = {"bedrock": "bedrock_converse", "google": "google_genai"}

# The providers that LangChain opens by name, and the package that each needs.
LANGCHAIN_PACKAGES = {
    "anthropic": "langchain-anthropic",
    "anthropic_bedrock": "langchain-aws",
    "azure_ai": "langchain-azure-ai",
    "azure_openai": "langchain-openai",
    "baseten": "langchain-baseten",
    "bedrock": "langchain-aws",
    "bedrock_converse": "langchain-aws",
    "bedrock_mantle_anthropic": "langchain-aws",
    "bedrock_mantle_openai": "langchain-aws",
    "cohere": "langchain-cohere",
    "deepseek": "langchain-deepseek",
    "fireworks": "langchain-fireworks",
    "google": "langchain-google-genai",
    "google_anthropic_vertex": "langchain-google-vertexai",
    "google_genai": "langchain-google-genai",
    "google_vertexai": "langchain-google-vertexai",
    "groq": "langchain-groq",
    "huggingface": "langchain-huggingface",
    "ibm": "langchain-ibm",
    "langsmith": "langchain-openai",
    "litellm": "langchain-litellm",
    "meta": "langchain-meta",
    "mistralai": "langchain-mistralai",
    "nvidia": "langchain-nvidia-ai-endpoints",
    "ollama": "langchain-ollama",
    "openai": "langchain-openai",
    "openrouter": "langchain-openrouter",
    "perplexity": "langchain-perplexity",
    "together": "langchain-together",
    "upstage": "langchain-upstage",
    "xai": "langchain-xai",
}


def owner_of(variable: str) -> Provider | None:
    """Return the provider whose key the environment variable holds; None where it is no provider's."""
    return next((provider for provider in PROVIDERS.values() if provider.key == variable), None)
