"""convexplain: scores for every assistant turn of a chat log, and reasons for the scores.

The workspace and the functions over it are loaded lazily, so that importing the package stays cheap.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ConvexplainError
from .types import Attribution, Contrast, Conversation, Edit, Evidence, Judgement, Rubric, Turn, Unit

if TYPE_CHECKING:
    from .connectors.logs import read_log
    from .rubrics import load_rubric
    from .workspace import AsyncWorkspace, JudgeSpec, Workspace
    from .workspace.functions import attribute, contrast, judge

__version__ = "0.2.0"

__all__ = [
    "AsyncWorkspace",
    "Attribution",
    "Contrast",
    "Conversation",
    "ConvexplainError",
    "Edit",
    "Evidence",
    "JudgeSpec",
    "Judgement",
    "Rubric",
    "Turn",
    "Unit",
    "Workspace",
    "attribute",
    "contrast",
    "judge",
    "load_rubric",
    "read_log",
]

_LAZY = {
    "AsyncWorkspace": ".workspace",
    "JudgeSpec": ".workspace",
    "Workspace": ".workspace",
    "attribute": ".workspace.functions",
    "contrast": ".workspace.functions",
    "judge": ".workspace.functions",
    "load_rubric": ".rubrics",
    "read_log": ".connectors.logs",
}

# Run from a checkout (`python -m convexplain` at its root) the sibling folders lie beside this package, not in it.
_root = Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "rubrics" / "schema.json").is_file():
    __path__.append(str(_root))


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
