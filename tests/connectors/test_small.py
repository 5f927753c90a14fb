"""The judge `small`: one file, from the hub, a mirror, the cache folder or the user. No hub is reached: the hub's
functions are replaced, and a model of 135M parameters stands for the file where llama.cpp really runs.
"""

import asyncio
import dataclasses
import hashlib
import json
import logging
import os

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import constants

from convexplain import Turn, judge
from convexplain.connectors.models import (
    MODELS,
    EmbeddedModel,
    LlamaCppModel,
    SmallModel,
    hub_download,
    llama_cpp,
    open_model,
    small,
    small_is_ready,
)
from convexplain.connectors.models import embedded as embedded_module
from convexplain.errors import HeadError, MissingExtraError, UnavailableError, UsageError
from convexplain.judges.heads import shipped_heads, weights_of
from convexplain.judges.spec import JudgeSpec
from convexplain.models.chat import Message, Reply, Request

CONTENT = b"GGUF" + b"weights " * 1000


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and a hub's cache without the file."""
    monkeypatch.setenv("CONVEXPLAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *args, **options: None)
    return tmp_path / "cache"


@pytest.fixture
def tiny(monkeypatch):
    """The file is one of a few kilobytes; what would be started is kept in a list."""
    monkeypatch.setattr(small, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(small, "SIZE", len(CONTENT))
    started = []

    async def start(model, file):
        started.append(file)
        model._process = object()

    async def loaded(model):
        """Stands for the screen's loading."""

    monkeypatch.setattr(SmallModel, "_start", start)
    monkeypatch.setattr(EmbeddedModel, "prepare", loaded)
    return started


@pytest.fixture
def hub(monkeypatch, tiny):
    """The hub's functions: `asked` is what was fetched, `content` what comes, `fails` an error of the download."""

    class Hub:
        asked = ()
        content = CONTENT
        fails = None

        def fetched(self, repo, file, *, revision, local_dir, tqdm_class, **options):
            self.asked = (repo, file, revision)
            if self.fails:
                raise self.fails
            with tqdm_class(total=100, initial=0, unit="B", name="download", disable=True) as bar:
                for _ in range(20):
                    bar.update(5)
            path = local_dir / file
            path.write_bytes(self.content)
            return str(path)

    hub = Hub()
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.fetched)
    monkeypatch.setattr(constants, "is_offline_mode", lambda: False)
    monkeypatch.setattr(hub_download.httpx2, "head", lambda url, timeout: None)
    return hub


def test_it_is_one_file_by_repository_revision_and_digest():
    model = open_model("small")
    assert isinstance(model, SmallModel)
    assert model.name == "small"
    screen = EmbeddedModel(heads=())
    assert model.fingerprint == f"qwen2.5-coder-1.5b-instruct-q4_k_m:{small.SHA256}+{screen.fingerprint}"
    assert model.heads == shipped_heads()  # the maxims that the screen reads are scored by its heads
    assert weights_of(model) == model.fingerprint
    assert len(small.SHA256) == 64
    assert len(small.REVISION) == 40
    assert SmallModel.batch == 1


def test_it_is_fetched_once_with_size_and_time_said_before_and_progress_after(hub, tiny, cache, caplog):
    model = SmallModel()
    assert not model.installed
    with caplog.at_level(logging.WARNING):
        asyncio.run(model.prepare())
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("Fetching the judge small, Qwen2.5-Coder-1.5B-Instruct (1.1 GB), once: about 2 minutes")
    assert lines[1:] == [f"{small.FILE}: {tenth}0 %" for tenth in range(1, 11)]
    assert hub.asked == (small.REPO, small.FILE, small.REVISION)
    assert tiny == [cache / small.FILE]
    assert model.installed
    hub.asked = ()
    asyncio.run(SmallModel().prepare())
    assert hub.asked == ()
    assert tiny == [cache / small.FILE] * 2


def test_a_fetched_file_with_another_digest_is_refused_and_fetched_again_next_time(hub, tiny, cache):
    hub.content = b"G" * len(CONTENT)
    with pytest.raises(UnavailableError, match=r"its SHA-256 is .*, expected"):
        asyncio.run(SmallModel().prepare())
    assert not SmallModel().installed
    hub.content = CONTENT
    asyncio.run(SmallModel().prepare())
    assert tiny == [cache / small.FILE]


def test_a_file_of_another_size_in_the_cache_folder_is_not_taken_for_it(hub, tiny, cache):
    cache.mkdir()
    (cache / small.FILE).write_bytes(CONTENT[:-1])
    assert not SmallModel().installed
    asyncio.run(SmallModel().prepare())
    assert hub.asked


def test_the_file_in_the_hubs_cache_is_used(tiny, tmp_path, monkeypatch):
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repo, file, revision: str(path))
    assert SmallModel().installed
    asyncio.run(SmallModel().prepare())
    assert tiny == [path]


def test_a_file_of_the_users_is_used_and_another_one_is_refused(tiny, tmp_path):
    path = tmp_path / "mine.gguf"
    path.write_bytes(CONTENT)
    model = open_model(f"small?file={path}")
    assert model.name == f"small?file={path}"
    assert model.installed
    assert model.fingerprint == SmallModel().fingerprint
    asyncio.run(model.prepare())
    assert tiny == [path]
    path.write_bytes(CONTENT + b"x")
    with pytest.raises(UnavailableError, match=rf"mine.gguf is not {small.FILE} of .* is named gguf:"):
        asyncio.run(open_model(f"small?file={path}").prepare())
    assert path.is_file()
    with pytest.raises(UnavailableError, match="there is no such file"):
        asyncio.run(open_model(f"small?file={tmp_path / 'none'}").prepare())


def test_the_file_is_read_once_for_its_digest(tmp_path, cache, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"one")
    reads = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, name: reads.append(file.name) or digest(file, name))
    first = small.file_digest(path)
    assert first == small.file_digest(path) == hashlib.sha256(b"one").hexdigest()
    assert len(reads) == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert small.file_digest(path) == hashlib.sha256(b"two").hexdigest()
    assert len(reads) == 2
    (cache / "checked_files.json").write_text("no JSON")
    small.file_digest(path)
    assert len(reads) == 3
    assert json.loads((cache / "checked_files.json").read_text()).keys() == {str(path)}


def test_a_cache_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"one")
    monkeypatch.setenv("CONVEXPLAIN_CACHE", str(tmp_path / "file" / "below"))
    assert small.file_digest(tmp_path / "file") == hashlib.sha256(b"one").hexdigest()


@pytest.mark.parametrize("reason", ["offline", "out of reach", "refused"])
def test_without_the_hub_the_three_ways_out_are_named(hub, cache, monkeypatch, reason):
    def unreached(url, timeout):
        raise httpx2.ConnectError("no route")

    if reason == "offline":
        monkeypatch.setattr(constants, "is_offline_mode", lambda: True)
    elif reason == "out of reach":
        monkeypatch.setattr(hub_download.httpx2, "head", unreached)
    else:
        hub.fails = OSError("401 Client Error")
    with pytest.raises(UnavailableError) as caught:
        asyncio.run(SmallModel().prepare())
    message = str(caught.value)
    said = {"offline": "HF_HUB_OFFLINE is set", "out of reach": "cannot be reached: no route", "refused": "401 Client"}
    assert said[reason] in message
    for way in ("HF_ENDPOINT", "small?file=PATH", str(cache), "--judge embedded"):
        assert way in message


def test_without_xllamacpp_the_extra_is_named_before_anything_is_fetched(hub, monkeypatch):
    def missing(name):
        raise llama_cpp.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(llama_cpp.importlib.metadata, "version", missing)
    with pytest.raises(MissingExtraError, match=r"convexplain\[gguf\]"):
        asyncio.run(SmallModel().prepare())
    assert hub.asked == ()


def test_it_is_ready_where_file_and_package_are_there(tiny, cache, monkeypatch):
    assert not small_is_ready()
    cache.mkdir()
    (cache / small.FILE).write_bytes(CONTENT)
    assert small_is_ready()
    monkeypatch.setattr(small.importlib.util, "find_spec", lambda name: None)
    assert not small_is_ready()


@pytest.mark.parametrize("name", ["small?file=", "small?files=x", "small?file=a&file=b", "small?head=none&head=x"])
def test_options_that_are_not_valid(name):
    with pytest.raises(UsageError, match="is not valid"):
        open_model(name)


def test_heads_are_those_of_the_options_and_must_fit(hub):
    assert open_model(JudgeSpec.parse("small?head=none").address).heads == ()
    assert JudgeSpec.parse("small?file=x&head=none").address == "small?file=x&head=none"
    foreign = dataclasses.replace(shipped_heads()[0], model="other")
    with pytest.raises(HeadError, match="trained on"):
        asyncio.run(SmallModel(heads=[foreign]).prepare())
    assert hub.asked == ()


def test_hidden_states_are_asked_of_the_screen_and_all_else_of_llama_cpp(tiny, cache, monkeypatch):
    asked = []

    async def chat(model, requests):
        asked.append((type(model).__name__, len(requests)))
        return [Reply("yes")]

    monkeypatch.setattr(EmbeddedModel, "chat", chat)
    monkeypatch.setattr(LlamaCppModel, "chat", chat)
    model, messages = SmallModel(), (Message("user", "Where is it?"),)
    for request in (Request(messages, reply="Here.", features="mean@0.6"), Request(messages, labels=("yes", "no"))):
        asyncio.run(model.chat([request]))
    assert asked == [("EmbeddedModel", 1), ("SmallModel", 1)]


def test_it_is_listed():
    assert MODELS.get("small").usage == "small"
    assert MODELS.get("small").options == ("file=PATH", "head=FILE")


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_it_judges_by_llama_cpp(weights, monkeypatch):
    monkeypatch.setattr(small, "SHA256", embedded_module.SHA256)
    turns = [Turn("user", "Where is my parcel?"), Turn("assistant", "It arrives tomorrow.")]
    (judgement,) = judge(turns, "helpfulness", f"small?file={weights}&head=none")
    assert judgement.model == f"small?file={weights}&head=none"
    assert judgement.evidence.kind == "label_probability"
