"""Providers whose models are named as `PROVIDER:MODEL`: where each is reached, and which variable holds its key.

The addresses, variables and names of fields are those of the providers' own documentation in November 2026.
"""

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from convexplain.errors import ConvexplainError, UnavailableError, UsageError
from convexplain.models.chat import ChatModel

from .endpoint_rules import EndpointRules
from .kind import ModelKind
from .url_origin import origin_of

_EFFORT = ("reasoning_effort=none", "reasoning_effort=minimal")
_HTTP_URL = re.compile(r"https?://[^\s/?#][^\s?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that speaks the OpenAI chat completions protocol.

    Attributes:
        name: the word before the model's name.
        address: the base URL; empty where each customer has an own one.
        key: the environment variable that holds the key; empty where none is sent.
        address_from: the environment variable that may hold another address; empty where there is none.
        example: what such an address looks like.
        path: the end of the base URL, which an address in the environment may leave out.
        port: the port of an address in the environment that has no scheme; None where it needs one.
        header: the HTTP header that carries the key.
        rules: what its servers take, as far as its documentation says it.
        switches: what keeps its models from thinking, the most probable first (keys of `SWITCHES`).
    """

    name: str
    address: str
    key: str = ""
    address_from: str = ""
    example: str = ""
    path: str = ""
    port: int | None = None
    header: str = "Authorization"
    rules: EndpointRules = field(default_factory=EndpointRules)
    switches: tuple[str, ...] = ("chat_template_kwargs",)

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
        # A server may listen everywhere; it is reached on this machine then.
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
            rules=EndpointRules("max_completion_tokens"),
            switches=_EFFORT,
        ),
        Provider(
            "azure",
            "",
            "AZURE_OPENAI_API_KEY",
            address_from="AZURE_OPENAI_ENDPOINT",
            example="https://RESOURCE.openai.azure.com",
            path="/openai/v1",
            header="api-key",
            rules=EndpointRules("max_completion_tokens"),
            switches=_EFFORT,
        ),
        Provider("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", switches=_EFFORT),
        Provider(
            "mistral",
            "https://api.mistral.ai/v1",
            "MISTRAL_API_KEY",
            rules=EndpointRules(seed="random_seed"),
            switches=_EFFORT,
        ),
        Provider("together", "https://api.together.ai/v1", "TOGETHER_API_KEY", rules=EndpointRules(counted=True)),
        Provider(
            "openrouter",
            "https://openrouter.ai/api/v1",
            "OPENROUTER_API_KEY",
            switches=("reasoning.enabled=false", *_EFFORT),
        ),
        Provider(
            "ollama",
            "http://localhost:11434/v1",
            address_from="OLLAMA_HOST",
            example="http://HOST:PORT",
            path="/v1",
            port=11434,
            switches=("reasoning_effort=none", "think=false"),
        ),
    )
}


def _kind(name: str, title: str, target: str = "MODEL") -> ModelKind:
    def make(model: str) -> ChatModel:
        from .provider_model import ProviderModel  # it needs the owners of keys, below

        return ProviderModel(PROVIDERS[name], model)

    options = ("in_flight=N", "timeout=SECONDS", "reasoning_effort=LEVEL")
    return ModelKind(
        name, f"A model of {title}, asked by convexplain's own client.", target, make=make, options=options
    )


OPENAI = _kind("openai", "OpenAI")
AZURE = _kind("azure", "Azure OpenAI", "DEPLOYMENT")
GROQ = _kind("groq", "Groq")
MISTRAL = _kind("mistral", "Mistral")
TOGETHER = _kind("together", "Together", "OWNER/MODEL")
OPENROUTER = _kind("openrouter", "OpenRouter", "OWNER/MODEL")
OLLAMA = _kind("ollama", "an Ollama server")

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


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """A provider that convexplain's own client does not name, but whose key a user could name.

    Attributes:
        name: the provider.
        hosts: a regular expression of the hosts at which it may be sent the key, over HTTPS; empty: nowhere.
    """

    name: str
    hosts: str = ""

    def serves(self, origin: str) -> bool:
        """Return whether the origin is this provider's own."""
        return bool(self.hosts) and re.fullmatch(f"https://(?:{self.hosts})", origin) is not None


_AWS_HOSTS = r"bedrock-runtime(-fips)?\.[a-z0-9-]+\.amazonaws\.com|bedrock-mantle\.[a-z0-9-]+\.api\.aws"

# The variables in which LangChain's packages, and the clients below them, look for keys and tokens.
_OWNERS: dict[str, Provider | KeyOwner] = {
    **{provider.key: provider for provider in PROVIDERS.values() if provider.key},
    "AZURE_OPENAI_AD_TOKEN": PROVIDERS["azure"],
    **{
        variable: KeyOwner(name, hosts)
        for variables, name, hosts in (
            ("ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN", "anthropic", r"api\.anthropic\.com"),
            ("AWS_BEARER_TOKEN_BEDROCK", "bedrock", _AWS_HOSTS),
            ("AZURE_AI_API_KEY AZURE_AI_CREDENTIAL AZURE_INFERENCE_CREDENTIAL AZURE_CLIENT_SECRET", "azure_ai", ""),
            ("BASETEN_API_KEY", "baseten", r"inference\.baseten\.co"),
            ("COHERE_API_KEY CO_API_KEY", "cohere", r"api\.cohere\.(com|ai)"),
            ("DEEPSEEK_API_KEY", "deepseek", r"api\.deepseek\.com"),
            ("FIREWORKS_API_KEY", "fireworks", r"api\.fireworks\.ai"),
            ("GOOGLE_API_KEY GEMINI_API_KEY", "google", r"generativelanguage\.googleapis\.com"),
            ("HF_TOKEN HUGGING_FACE_HUB_TOKEN HUGGINGFACEHUB_API_TOKEN", "huggingface", r"router\.huggingface\.co"),
            (
                "WATSONX_API_KEY WATSONX_APIKEY WATSONX_TOKEN WATSONX_PASSWORD",
                "ibm",
                r"[a-z0-9-]+\.ml\.cloud\.ibm\.com",
            ),
            (
                "LANGSMITH_GATEWAY_API_KEY LANGSMITH_API_KEY LANGCHAIN_API_KEY",
                "langsmith",
                r"gateway\.smith\.langchain\.com",
            ),
            ("META_API_KEY", "meta", r"api\.meta\.ai"),
            ("NVIDIA_API_KEY", "nvidia", r"integrate\.api\.nvidia\.com"),
            ("OLLAMA_API_KEY", "ollama", r"ollama\.com"),
            ("PERPLEXITY_API_KEY PPLX_API_KEY", "perplexity", r"api\.perplexity\.ai"),
            ("UPSTAGE_API_KEY", "upstage", r"api\.upstage\.ai"),
            ("XAI_API_KEY", "xai", r"api\.x\.ai"),
        )
        for variable in variables.split()
    },
}


def owner_of(variable: str) -> Provider | KeyOwner | None:
    """Return the provider whose key the environment variable holds; None where it is no provider's.

    Args:
        variable: its name, in capitals or not: on Windows both are one. All of `AWS_…` belongs to AWS.
    """
    name = variable.upper()
    return _OWNERS.get(name) or (KeyOwner("AWS") if name.startswith("AWS_") else None)
