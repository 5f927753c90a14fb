"""Downloads one file of a repository on the Hugging Face hub, or on the mirror that `HF_ENDPOINT` names."""

import logging
from pathlib import Path
from typing import Any

import httpx2

from convexplain.errors import MissingExtraError, UnavailableError

_REACH = 5.0  # seconds until the hub counts as out of reach; its own client would try for half a minute

_log = logging.getLogger(__name__)


def download(repo: str, file: str, revision: str, folder: Path, *, model: str, extra: str) -> Path:
    """Download a file into a folder and return its path there; a download that was broken off goes on.

    Args:
        repo: `OWNER/NAME` of the repository.
        file: its path in the repository, and in the folder.
        revision: the commit.
        folder: where it is put.
        model: what the file is for, for the message when the hub's package is missing.
        extra: the extra of convexplain that brings that package.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        UnavailableError: the hub cannot be reached, or does not give the file.
    """
    try:
        from huggingface_hub import constants, hf_hub_download
    except ImportError as error:
        raise MissingExtraError(model, extra) from error
    if constants.is_offline_mode():
        raise UnavailableError("hub: HF_HUB_OFFLINE is set")
    try:
        httpx2.head(constants.ENDPOINT, timeout=_REACH)
    except httpx2.HTTPError as error:
        raise UnavailableError(f"hub: {constants.ENDPOINT} cannot be reached: {error}") from error
    try:
        path = hf_hub_download(
            repo, file, revision=revision, local_dir=folder, etag_timeout=10, tqdm_class=_progress_class(file)
        )
    except (OSError, httpx2.HTTPError) as error:  # OSError: its own errors are such
        reason = (str(error).strip() or "no reason").splitlines()[0]
        raise UnavailableError(f"hub: {type(error).__name__}: {reason}") from error
    return Path(path)


def _progress_class(file: str) -> Any:
    """Return a class of progress bars that logs each tenth where no bar can be drawn."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class LoggedBar(tqdm):
        received = 0.0  # a bar that is not drawn does not count
        tenths = 0

        def update(self, n: float | None = 1) -> Any:
            if self.disable and self.total:
                self.received += n or 0
                if (tenths := int(10 * (self.n + self.received) / self.total)) > self.tenths:
                    self.tenths = tenths
                    _log.warning("%s: %d %%", file, 10 * tenths)
            return super().update(n)

    return LoggedBar
