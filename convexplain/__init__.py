"""convexplain: how good every assistant turn of a chat log is, and what its score hangs on.

The public functions are loaded lazily from `convexplain.workspace`, so that importing the package stays cheap.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConvexplainError
from .types import Attribution, Contrast, Conversation, Edit, Evidence, Judgement, Rubric, Turn, Unit

if TYPE_CHECKING:
    from convexplain.workspace.functions import (
        aattribute,
        acontrast,
        ajudge,
        attribute,
        contrast,
        judge,
        load_rubric,
        read_log,
    )

__version__ = "0.1.0"

__all__ = [
    "Attribution",
    "Contrast",
    "Conversation",
    "ConvexplainError",
    "Edit",
    "Evidence",
    "Judgement",
    "Rubric",
    "Turn",
    "Unit",
    "aattribute",
    "acontrast",
    "ajudge",
    "attribute",
    "contrast",
    "judge",
    "load_rubric",
    "read_log",
]

_LAZY = frozenset({name for name in __all__ if name.islower()})

# Run from a checkout (`python -m convexplain` at its root) the sibling folders lie beside this package, not in it.
_root = Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "rubrics" / "schema.json").is_file():
    __path__.append(str(_root))


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(".workspace.functions", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
