"""Hooks into LangChain and LangGraph applications: what is said is judged in the background, or before it goes out.

Importing this needs nothing; the handlers, the middleware and the adapter for LangSmith need the extra `langchain`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluators import aevaluator, evaluator, run_evaluator
    from .handler import AsyncConvexplainCallbackHandler, ConvexplainCallbackHandler
    from .middleware import ConvexplainMiddleware
    from .scorer import Scorer
    from .waiting import Counts

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

_HOMES = {
    "AsyncConvexplainCallbackHandler": "handler",
    "ConvexplainCallbackHandler": "handler",
    "ConvexplainMiddleware": "middleware",
    "Counts": "waiting",
    "Scorer": "scorer",
    "aevaluator": "evaluators",
    "evaluator": "evaluators",
    "run_evaluator": "evaluators",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
