"""The folder of the user's cache, for weights and for what endpoints take."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder of convexplain's cache: `CONVEXPLAIN_CACHE`, or the user's."""
    return Path(os.environ.get("CONVEXPLAIN_CACHE") or platformdirs.user_cache_dir("convexplain"))
