"""The folder of the user's configuration, and how files in it are written."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import platformdirs


def config_folder() -> Path:
    """Return the folder of convexplain's configuration: `CONVEXPLAIN_CONFIG`, or the user's."""
    return Path(os.environ.get("CONVEXPLAIN_CONFIG") or platformdirs.user_config_dir("convexplain"))


def write_private(file: Path, content: Any) -> None:
    """Write a file of JSON at once, with mode 0600 from its first byte on.

    Raises:
        OSError: it cannot be written.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f"{file.stem}-", suffix=".part", dir=file.parent)  # of mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump(content, opened, indent=1, sort_keys=True)
        os.replace(part, file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
