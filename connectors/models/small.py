"""The small model: Qwen2.5-Coder-1.5B-Instruct in one GGUF file, run by llama.cpp, beside the embedded screen.

The file is exactly one, known by its SHA-256, whichever way it came: from the Hugging Face hub, a mirror of it, or the
user. So its scores can be compared. It is asked for labels on any maxim, and for reasons in words. The maxims that the
embedded model has heads for are scored by these heads: on them its own answer adds nothing (docs/benchmarks.md).
"""

import asyncio
import hashlib
import importlib.util
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.judges.heads import Head, check_heads, shipped_heads
from convexplain.models.chat import Reply, Request

from .cache_folder import cache_folder
from .embedded import EmbeddedModel
from .head_query import read_heads
from .hub_download import download
from .kind import ModelKind
from .llama_cpp import LlamaCppModel, llama_cpp_version

REPO = "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"
REVISION = "f86cb2c1fa58255f8052cc32aeede1b7482d4361"
FILE = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
SIZE = 1_117_320_768  # bytes
FINGERPRINT = f"qwen2.5-coder-1.5b-instruct-q4_k_m:{SHA256}"

_CHECKED = "checked_files.json"  # in the cache folder: path to size, time of change and digest
_log = logging.getLogger(__name__)


class SmallModel(LlamaCppModel):
    """Qwen2.5-Coder-1.5B-Instruct (Q4_K_M), run by llama.cpp on this machine.

    The file is the user's own, or else the one in the cache folder (`CONVEXPLAIN_CACHE`, or the user's), or in the
    hub's cache; where it is in none of them, `prepare` fetches it from the hub into the cache folder.

    Args:
        file: the user's own copy of the file.
        heads: what scores in the place of label probabilities; the shipped ones unless given.
        name: how the user calls it.
    """

    def __init__(self, file: Path | None = None, heads: Sequence[Head] | None = None, name: str = "small") -> None:
        self.file = file.expanduser().absolute() if file is not None else None
        super().__init__(str(self.file or cache_folder().absolute() / FILE))
        self.name = name
        self.heads = tuple(shipped_heads() if heads is None else heads)
        self._screen = EmbeddedModel(heads=())  # gives the hidden states that the heads read
        # Of file and screen alone, so that it is the same on every machine.
        self._fingerprint = f"{FINGERPRINT}+{self._screen.fingerprint}"

    @property
    def installed(self) -> bool:
        """Return whether the file is on this machine."""
        return self._local_file() is not None

    async def prepare(self) -> None:
        """Check the file, which is fetched where it is not on this machine, and start llama.cpp with it.

        Raises:
            MissingExtraError: xllamacpp, or where the file is fetched huggingface_hub, is not installed.
            UnavailableError: the file cannot be had, it is another one, or llama.cpp cannot load it.
            HeadError: a head was trained on another model.
        """
        if not self.prepared:
            llama_cpp_version()  # missing, it is said before the file is fetched
            check_heads(self.heads, self._screen)
            self._file = await asyncio.to_thread(self._checked_file)
        if self.heads:
            await self._screen.prepare()
        await super().prepare()

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answer one request: one for hidden states by the screen, any other by llama.cpp."""
        if all(request.features for request in requests):
            return await self._screen.chat(requests)
        return await super().chat(requests)

    async def aclose(self) -> None:
        """End llama.cpp, and free the weights of the screen."""
        await self._screen.aclose()
        await super().aclose()

    def _local_file(self) -> Path | None:
        """Return the file where one of its name and size is on this machine; its content is not read."""
        if self.file is not None:
            return self.file if self.file.is_file() else None
        fetched = cache_folder().absolute() / FILE
        return next((path for path in (fetched, *_hub_cache()) if path.is_file() and path.stat().st_size == SIZE), None)

    def _checked_file(self) -> Path:
        file = self._local_file()
        if file is None and self.file is not None:
            raise UnavailableError(f"{self.name}: there is no such file: {self.file}")
        fetched = file is None
        file = file or _fetch()
        digest = file_digest(file)
        if digest != SHA256:
            if fetched:
                file.unlink()  # the next try fetches it again
            raise UnavailableError(
                f"{self.name}: {file} is not {FILE} of {REPO}: its SHA-256 is {digest}, expected {SHA256}. Another "
                f"model file is named gguf:{file}"
            )
        return file


def small_is_ready() -> bool:
    """Return whether the file is on this machine and llama.cpp is installed; nothing is loaded."""
    return SmallModel().installed and importlib.util.find_spec("xllamacpp") is not None


def file_digest(path: Path) -> str:
    """Return a file's SHA-256, in hex; it is read once, and again only where its size or time of change is another."""
    stat = path.stat()
    state = [stat.st_size, stat.st_mtime_ns]
    record = cache_folder() / _CHECKED
    checked = _read_record(record)
    remembered = checked.get(str(path))
    if isinstance(remembered, list) and remembered[:2] == state and len(remembered) == 3:
        return str(remembered[2])
    with path.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    _write_record(record, {**checked, str(path): [*state, digest]})
    return digest


def _read_record(record: Path) -> dict[str, object]:
    try:
        checked = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return checked if isinstance(checked, dict) else {}


def _write_record(record: Path, checked: dict[str, object]) -> None:
    part = record.with_name(f"{record.name}.{os.getpid()}")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(checked), encoding="utf-8")
        part.replace(record)
    except OSError as error:  # the file is then read at every start
        _log.info("%s cannot be written: %s", record, error)


def _hub_cache() -> list[Path]:
    """Return where the hub's cache on this machine has the file, if it has."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return []
    places = [try_to_load_from_cache(REPO, FILE, revision=revision) for revision in (REVISION, "main")]
    return [Path(place) for place in places if isinstance(place, str)]


def _fetch() -> Path:
    _log.warning(
        "Fetching the judge small, Qwen2.5-Coder-1.5B-Instruct (1.1 GB), once: about 2 minutes at 100 Mbit/s, "
        "15 minutes at 10 Mbit/s ..."
    )
    folder = cache_folder().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return download(REPO, FILE, REVISION, folder, model="The judge small", extra="gguf")
    except UnavailableError as error:
        raise UnavailableError(
            f"small: the model file cannot be fetched ({error}). Three ways out:\n"
            "  1. name a mirror of the Hugging Face hub in the environment variable HF_ENDPOINT;\n"
            f"  2. get {FILE} of {REPO} on another machine (`hf download {REPO} {FILE}`) and name it, "
            f"--judge 'small?file=PATH', or put it into {folder};\n"
            "  3. take another judge: --judge embedded (built in), or a server, --judge 'http://HOST:PORT/v1?model=NAME'"
        ) from error


def _make(query: str) -> SmallModel:
    name = f"small{query}"
    options: dict[str, list[str]] = {"file": [], "head": []}
    for part in query.removeprefix("?").split("&") if query else ():
        key, _, text = part.partition("=")
        if key not in options or not text:
            raise UsageError(f"model {name!r} is not valid; valid are small, small?file=PATH and small?head=FILE")
        options[key].append(text)
    if len(options["file"]) > 1:
        raise UsageError(f"model {name!r} is not valid: file is given twice; give it once")
    file = Path(options["file"][0]) if options["file"] else None
    return SmallModel(file, read_heads(name, options["head"], shipped_heads()), name)


SMALL = ModelKind(
    "small",
    "embedded, and Qwen2.5-Coder-1.5B-Instruct for other maxims and for reasons (1.1 GB, fetched once).",
    make=_make,
    options=("file=PATH", "head=FILE"),
)
