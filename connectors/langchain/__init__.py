"""Hooks into LangChain and LangGraph applications: answers are judged in the background, or before they go out.

Importing this package needs no extra; the handlers, the middleware and the adapter for LangSmith need `langchain`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluators import aevaluator, evaluator, run_evaluator
    from .handler import AsyncConvexplainCallbackHandler, ConvexplainCallbackHandler
    from .history_queue import Counts
    from .middleware import ConvexplainMiddleware
    from .scorer import Scorer

__all__ = [
    "AsyncConvexplainCallbackHandler",
    "ConvexplainCallbackHandler",
    "ConvexplainMiddleware",
    "Counts",
    "Scorer",
    "aevaluator",
    "evaluator",
    "run_evaluator",
]

_MODULES = {
    "AsyncConvexplainCallbackHandler": "handler",
    "ConvexplainCallbackHandler": "handler",
    "ConvexplainMiddleware": "middleware",
    "Counts": "history_queue",
    "Scorer": "scorer",
    "aevaluator": "evaluators",
    "evaluator": "evaluators",
    "run_evaluator": "evaluators",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
