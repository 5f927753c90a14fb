"""Hugging Face inference (`hub:REPO`), and the reference judge by one word (`mixtral`)."""

import json
import logging
import os
import re
from pathlib import Path
from urllib.parse import quote

from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.models.chat import ChatModel

from .credentials import BASE_URL, key_credentials
from .kind import ModelKind
from .local import LocalModel
from .openai_compatible import OpenAICompatible

MIXTRAL = "mistralai/Mixtral-8x7B-Instruct-v0.1"

_REPO = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", re.ASCII)
_SOURCE = "HF_TOKEN or `hf auth login`, and needs the permission 'Make calls to Inference Providers'"
_log = logging.getLogger(__name__)


def mixtral_model() -> ChatModel:
    """Return the reference judge, Mixtral-8x7B-Instruct, from the first of these that is there.

    1. The endpoint in the environment variable `CONVEXPLAIN_BASE_URL`.
    2. Hugging Face inference, where there is a token for it.
    3. Its weights in the hub's cache on this machine.

    Nothing is loaded or reached yet; the model's name says which of them it is.

    Raises:
        UnavailableError: none of them is there.
        UsageError: `CONVEXPLAIN_BASE_URL` holds no URL.
    """
    if url := os.environ.get(BASE_URL, "").strip():
        if not url.lower().startswith(("http://", "https://")):
            raise UsageError(f"{BASE_URL}={url.rpartition('@')[2]!r} is no URL; valid is http://HOST:PORT/v1")
        return MixtralEndpoint(url)
    try:
        _token()
        return HubModel(MIXTRAL)
    except (MissingExtraError, UnavailableError) as error:
        no_hub = str(error)
    if _weights_cached(MIXTRAL):
        return LocalModel(MIXTRAL)
    raise UnavailableError(
        f"Mixtral can be had in three ways, and none of them is there:\n"
        f"  1. an endpoint that serves it, named in the environment variable {BASE_URL} (http://HOST:PORT/v1);\n"
        f"  2. Hugging Face inference: {no_hub};\n"
        f"  3. its weights on this machine (about 94 GB): hf download {MIXTRAL}"
    )


class HubModel(OpenAICompatible):
    """A model behind Hugging Face's router, which hands each request to an inference provider.

    The token is the one that the hub's own library finds. It is asked for whenever a request is sent, and is not kept.

    Args:
        repo: `OWNER/NAME` of the model on the hub; with `:PROVIDER` after it, that provider answers, not the fastest.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        UsageError: no model is named like that.
    """

    missing = "no inference provider serves this model, or none that is enabled in your settings at Hugging Face"

    def __init__(self, repo: str) -> None:
        if not _REPO.fullmatch(repo):
            raise UsageError(f"hub:{repo} names no model; valid are hub:OWNER/NAME and hub:OWNER/NAME:PROVIDER")
        try:
            from huggingface_hub import constants
        except ImportError as error:
            raise MissingExtraError("Hugging Face inference", "local") from error
        router = constants.INFERENCE_PROXY_TEMPLATE.format(provider="v1")
        super().__init__(f"{router}?model={quote(repo)}", credentials=key_credentials(_token, _SOURCE))
        self._spellings: set[str] = set()

    async def prepare(self) -> None:
        """Reach the router. Its list of models is long and says nothing of the weights, so it is not read.

        Raises:
            UnavailableError: there is no token, `HF_HUB_OFFLINE` is set, or the router cannot be reached.
        """
        await self._reach(f"/models/{self._model.partition(':')[0]}")

    def _address(self, model: str) -> str:
        return f"hub:{model}"

    def _answered_by(self, model: str) -> None:
        """Log another spelling of the model: providers spell one model in several ways."""
        if self._spellings and model not in self._spellings:
            _log.warning(
                "%s is answered as %r too, not only as %r: providers may differ in how they run a model. "
                "hub:OWNER/NAME:PROVIDER keeps to one.",
                self.name,
                model,
                min(self._spellings),
            )
        self._spellings.add(model)


class MixtralEndpoint(OpenAICompatible):
    """The endpoint that `CONVEXPLAIN_BASE_URL` names, with the Mixtral that it serves."""

    def _choose(self, names: list[str]) -> str:
        """Return the name of Mixtral there: servers name it by the repository, as `mixtral:8x7b`, or by the file."""
        if MIXTRAL in names:
            return MIXTRAL
        likely = names if len(names) == 1 else [name for name in names if "mixtral" in name.lower()]
        if len(likely) != 1:
            served = f"it serves: {', '.join(names)}" if names else "it does not say what it serves"
            raise UnavailableError(
                f"{self._base} has no model named {MIXTRAL}, and not just one that could be it; {served}. "
                f"Name one: {BASE_URL}={self._base}?model=NAME"
            )
        _log.warning("%s serves no %s; %s is taken for it.", self._base, MIXTRAL, likely[0])
        return likely[0]


def _token() -> str:
    """Return the token for Hugging Face, which its own library finds in HF_TOKEN or in the file of a login.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        UnavailableError: there is none, it cannot be read, or `HF_HUB_OFFLINE` is set.
    """
    try:
        from huggingface_hub import constants, get_token
    except ImportError as error:
        raise MissingExtraError("Hugging Face inference", "local") from error
    if constants.is_offline_mode():
        raise UnavailableError("HF_HUB_OFFLINE is set, which forbids Hugging Face inference")
    try:
        token = get_token() or ""
    except Exception as error:  # noqa: BLE001 - files, and an exchange of tokens over the network; no text of it is shown
        raise UnavailableError(f"the Hugging Face token cannot be read ({type(error).__name__})") from None
    if not token:
        raise UnavailableError(
            "there is no Hugging Face token. Make one with the permission 'Make calls to Inference Providers' at "
            "https://huggingface.co/settings/tokens and put it into the environment variable HF_TOKEN, or run: "
            "hf auth login"
        )
    if not (token.isascii() and token.isprintable()):
        raise UnavailableError("the Hugging Face token holds characters that none has; it must be printable ASCII")
    return token


def _weights_cached(repo: str) -> bool:
    """Return whether all weight files of the repository are in the hub's cache on this machine."""
    try:
        from huggingface_hub import constants, try_to_load_from_cache
    except ImportError:
        return False
    index = try_to_load_from_cache(repo, constants.SAFETENSORS_INDEX_FILE)
    if not isinstance(index, str):
        return isinstance(try_to_load_from_cache(repo, constants.SAFETENSORS_SINGLE_FILE), str)
    try:
        shards = set(json.loads(Path(index).read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return all((Path(index).parent / shard).is_file() for shard in shards)


HUB = ModelKind(
    "hub", "Hugging Face inference, by the fastest provider or by a named one.", "REPO", make=HubModel, options=()
)
MIXTRAL_JUDGE = ModelKind(
    "mixtral",
    "The reference judge, Mixtral-8x7B-Instruct, from an endpoint, Hugging Face inference or this machine.",
    make=lambda _: mixtral_model(),
    options=(),
)
