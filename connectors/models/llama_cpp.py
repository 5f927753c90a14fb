"""A model in a GGUF file, run by llama.cpp's own server on this machine (package `xllamacpp`)."""

import asyncio
import hashlib
import importlib.metadata
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import httpx2

from convexplain.errors import MissingExtraError, ModelError, UnavailableError, UsageError
from convexplain.models.chat import Reply, Request

from .credentials import key_credentials
from .endpoint_rules import EndpointRules
from .kind import ModelKind
from .openai_compatible import OpenAICompatible
from .remote_calls import estimate_tokens

_WINDOW = 8192  # most tokens of prompt and reply; longer windows cost memory that a judge's prompts rarely use
_TIMEOUT = 600.0
_HEAD = 16 << 20  # bytes at the start of a file, where GGUF has its metadata: chat template, vocabulary
_SAMPLES, _SAMPLE = 64, 1 << 16  # places in the weights that are read, and how many bytes at each
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.IGNORECASE)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|DATABASE|COOKIE|^CONVEXPLAIN_|^AWS_|^PG", re.IGNORECASE)
_REASON = re.compile(r"error loading model: (.*)")


class LlamaCppModel:
    """Runs a GGUF file with llama.cpp, in a process of its own that ends with the model or with this program.

    Args:
        source: path of a GGUF file; or one on the Hugging Face hub, as `OWNER/NAME` where the repository has just one,
            else as `OWNER/NAME/FILE.gguf`.

    Raises:
        UsageError: the source is empty.

    Attributes:
        in_flight: how many requests llama.cpp answers at once; known after `prepare`.
        window: tokens of prompt and reply together, at most 8192; known after `prepare`.
    """

    batch = 1
    timeout: float | None = _TIMEOUT
    weight_bytes = 0

    def __init__(self, source: str) -> None:
        if not source.strip():
            raise UsageError("gguf: names no model; valid are gguf:FILE, gguf:OWNER/NAME and gguf:OWNER/NAME/FILE.gguf")
        self.name = f"gguf:{source}"
        self.in_flight = 1
        self.window: int | None = None
        self._source = source
        self._file = None if _on_hub(source) else Path(source).expanduser()
        self._fingerprint = ""
        self._process: subprocess.Popen[str] | None = None
        self._ending: weakref.finalize[..., LlamaCppModel] | None = None
        self._server: OpenAICompatible | None = None

    @property
    def fingerprint(self) -> str:
        """Return an identity of the file's content and llama.cpp's version; of a file on the hub only after `prepare`.

        Of the file its size, the first 16 MiB and 64 samples spread over the remaining bytes are read, for reading
        30 GB takes minutes.

        Raises:
            MissingExtraError: xllamacpp is not installed.
            UnavailableError: there is no such file, or it cannot be read.
        """
        if not self._fingerprint and self._file is not None:
            try:
                self._fingerprint = f"gguf#{_digest(self._file)}+xllamacpp-{llama_cpp_version()}"
            except OSError as error:
                raise UnavailableError(f"{self.name}: the file cannot be read: {error.strerror or error}") from error
        return self._fingerprint or self.name

    @property
    def prepared(self) -> bool:
        """Return whether llama.cpp runs with the file."""
        return self._process is not None and self._process.poll() is None

    async def prepare(self) -> None:
        """Fetch the file where it is on the hub, and start llama.cpp with it.

        Raises:
            MissingExtraError: xllamacpp or, for a file on the hub, huggingface_hub is not installed.
            UnavailableError: there is no such file, it is no GGUF file, or llama.cpp cannot load it.
        """
        if self.prepared:
            return
        llama_cpp_version()
        if self._file is None:
            self._file = await asyncio.to_thread(_fetch, self._source, self.name)
        self.weight_bytes = _checked_size(self._file, self.name)
        await asyncio.to_thread(lambda: self.fingerprint)
        await self._start(self._file)

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answer one request (`batch` is 1; more are sent one after the other)."""
        if self._server is None or self._process is None:
            raise ModelError(f"{self.name}: the model is closed or was never prepared")
        outcomes = await self._server.chat(requests)
        if (code := self._process.poll()) is not None:
            raise UnavailableError(f"{self.name}: llama.cpp's process has ended (exit code {code})")
        return outcomes

    def count_tokens(self, text: str) -> int:
        """Return an estimate from the text's length."""
        return estimate_tokens(text)

    async def aclose(self) -> None:
        """End llama.cpp, with the answers under way, and free its memory and port."""
        server, self._server = self._server, None
        ending, self._process, self._ending = self._ending, None, None
        if server is not None:
            await server.aclose()
        if ending is not None:
            await asyncio.to_thread(ending)

    async def _start(self, file: Path) -> None:
        key = secrets.token_urlsafe()  # nobody else on this machine is answered
        settings = json.dumps({"file": str(file), "window": _WINDOW, "key": key})
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            process = _launch(log)
            try:
                line = await asyncio.to_thread(_exchange, process, settings)
                if not line:
                    code = await asyncio.to_thread(process.wait)
                    log.seek(0)
                    raise UnavailableError(f"{self.name}: llama.cpp cannot load it: {_reason(log.read(), code)}")
                started = json.loads(line)
                url = f"{started['address']}/v1?timeout={_TIMEOUT:g}"
                server = _Server(url, credentials=key_credentials(lambda: key, "this program"))
                server.pinned = int(started["in_flight"]) == 1
                await server.prepare()
            except BaseException:  # a start that was called off too
                _end(process)
                raise
        if self._ending is not None:
            self._ending()  # the process of an earlier start, which has ended
        self._process, self._server = process, server
        self._ending = weakref.finalize(self, _end, process, os.getpid())  # at the program's end too
        self.in_flight, self.window = int(started["in_flight"]), server.window


class _Server(OpenAICompatible):
    """llama.cpp's server, with the slot in each request where it answers one at a time.

    Left to itself it takes the slot used least lately for a prompt that shares little with any. Two such in a row, as
    an edit near the beginning of a conversation makes them for the model that answers, then displace the judge's.
    """

    pinned = False
    probes = False  # it is known what it takes, and started so that no model thinks
    keepalive = False  # connections do not outlive their event loop

    def _body(self, request: Request, rules: EndpointRules) -> dict[str, Any]:
        body = super()._body(request, rules)
        return body | {"id_slot": 0 if request.labels or request.schema else 1} if self.pinned else body


def _launch(log: IO[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-P", str(Path(__file__).with_name("_llama_server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        # OpenMP's threads spin while they wait for each other; with another program on the cores that made each token
        # 5 to 40 times slower.
        env={"OMP_WAIT_POLICY": "passive", **_without_secrets(os.environ)},
        start_new_session=True,  # Ctrl-C is for this program, which may want to finish what is under way
    )


def _without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that native code may see: keys, passwords and stores are none of its business."""
    return {name: value for name, value in environment.items() if not _SECRET.search(name)}


def _exchange(process: "subprocess.Popen[str]", settings: str) -> str:
    """Send the settings, and return the answer; empty when the process ended without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(settings + "\n")
        process.stdin.flush()
    except OSError:  # it has ended already
        return ""
    return process.stdout.readline()


def _end(process: "subprocess.Popen[str]", owner: int | None = None) -> None:
    if owner not in (None, os.getpid()):  # in the child of a fork it is the parent's
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _reason(log: str, code: int) -> str:
    """Return why llama.cpp did not start, in its own words where it has some."""
    if match := _REASON.search(log):
        return match[1].strip()
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"{lines[-1]} (exit code {code})" if lines else f"its process ended with exit code {code}"


def llama_cpp_version() -> str:
    """Return the installed version of xllamacpp. Raises MissingExtraError where there is none."""
    try:
        return importlib.metadata.version("xllamacpp")
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError("A GGUF model", "gguf") from error


def _checked_size(file: Path, name: str) -> int:
    """Return the file's size. Raises UnavailableError where it is missing or begins as no GGUF file does."""
    if not file.is_file():
        raise UnavailableError(f"{name}: there is no such file")
    try:
        with file.open("rb") as opened:
            magic = opened.read(4)
    except OSError as error:
        raise UnavailableError(f"{name}: the file cannot be read: {error.strerror or error}") from error
    if magic != b"GGUF":
        raise UnavailableError(f"{name}: it is no GGUF file: it begins with {magic!r}, not with b'GGUF'")
    return file.stat().st_size


def _digest(file: Path) -> str:
    size = file.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as opened:
        digest.update(opened.read(_HEAD))
        for i in range(_SAMPLES if size > _HEAD else 0):
            opened.seek(max(_HEAD, _HEAD + (size - _HEAD - _SAMPLE) * i // (_SAMPLES - 1)))
            digest.update(opened.read(_SAMPLE))
    return digest.hexdigest()[:16]


def _on_hub(source: str) -> bool:
    """Return whether the source names a repository (or a file in one), and no path."""
    parts = source.split("/")
    if Path(source).expanduser().exists() or source.startswith(("~", ".")) or "\\" in source or not all(parts):
        return False
    names_file = source.lower().endswith(".gguf")
    return len(parts) >= 3 if names_file else len(parts) == 2


def _fetch(source: str, name: str) -> Path:
    """Return the file, from the hub or its cache on this machine. Raises UnavailableError."""
    try:
        from huggingface_hub import HfApi, hf_hub_download
        from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
    except ImportError as error:
        raise MissingExtraError("A GGUF model from the hub", "gguf") from error
    owner, repo, *path = source.split("/")
    try:
        file = "/".join(path) or _only(HfApi().list_repo_files(f"{owner}/{repo}"), name)
        first, *_ = [Path(hf_hub_download(f"{owner}/{repo}", part)) for part in _parts(file)]
        return first
    except HFValidationError as error:
        raise UnavailableError(f"{name}: there is no such file, and it is no repository's name either") from error
    except OfflineModeIsEnabled as error:
        raise UnavailableError(
            f"{name}: there is no such file here, and HF_HUB_OFFLINE forbids to look for it on the hub"
        ) from error
    except (OSError, httpx2.HTTPError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnavailableError(f"{name}: there is no such file here, and the hub does not give it: {why}") from error


def _parts(file: str) -> list[str]:
    """Return all parts of a file that is there in several, `…-00001-of-00005.gguf`; llama.cpp takes the first."""
    match = _PART.search(file)
    if not match:
        return [file]
    count = int(match[1])
    return [f"{file[: match.start()]}-{i:05}-of-{count:05}.gguf" for i in range(1, count + 1)]


def _only(files: list[str], name: str) -> str:
    models = sorted({_parts(file)[0] for file in files if file.lower().endswith(".gguf")})
    if len(models) == 1:
        return models[0]
    if not models:
        raise UnavailableError(f"{name}: the repository has no .gguf file")
    raise UnavailableError(
        f"{name}: the repository has several .gguf files; name one: {name}/FILE with FILE one of {', '.join(models)}"
    )


GGUF = ModelKind(
    "gguf",
    "A GGUF file, run by llama.cpp on this machine in a process of its own.",
    "FILE_OR_REPO",
    make=LlamaCppModel,
    options=(),
)
