"""Heads: a linear layer on a model's hidden states scores turns on one maxim; its card says how good that is.

A head is a JSON file of some kilobytes, no pickle: reading one runs nothing.
"""

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jsonschema
import numpy as np

from convexplain.errors import HeadError, ModelError
from convexplain.explain.measurement import chat_messages
from convexplain.models.chat import ChatModel, Message, Request
from convexplain.types import Rubric, Turn, sha256_json

from .fence import defuse

_VERSION = 1
_SCHEMA = {
    "type": "object",
    "properties": {
        "convexplain_head": {"const": _VERSION},
        "rubric": {"type": "string", "minLength": 1},
        "question": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "model": {"type": "string", "minLength": 1},
        "recipe": {"type": "string", "minLength": 1},
        "n": {"type": "integer", "minimum": 1},
        "weights": {"type": "string", "minLength": 1},
        "bias": {"type": "number"},
        "card": {"type": "object"},
    },
    "required": ["convexplain_head", "rubric", "question", "model", "recipe", "n", "weights", "bias", "card"],
    "additionalProperties": False,
}
_EMPTY_TURN = "(nothing)"  # stands for an empty turn before the judged one


@dataclass(frozen=True, slots=True)
class Head:
    """A linear layer for one rubric on one model.

    Attributes:
        rubric: the rubric's id.
        question: `question_of` the rubric that it was trained for: another wording is another question.
        model: `weights_of` the model whose hidden states it reads.
        recipe: the features that it reads, as `Request.features` takes them.
        weights: one for each feature.
        bias: the constant that is added.
        card: what it was trained on and how far it agrees with people (JSON values).
    """

    rubric: str
    question: str
    model: str
    recipe: str
    weights: tuple[float, ...] = field(repr=False)
    bias: float
    card: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @property
    def sha(self) -> str:
        """Return the SHA-256 of all that decides its scores."""
        return sha256_json([self.rubric, self.question, self.model, self.recipe, self.weights, self.bias])

    def answers(self, rubric: Rubric) -> bool:
        """Return whether it was trained for this rubric, in this wording."""
        return rubric.id == self.rubric and question_of(rubric) == self.question

    def score(self, features: Sequence[float]) -> float:
        """Return the probability that the requirement is satisfied, in [0, 1].

        Raises:
            ModelError: the number of features is not that of the weights, or a feature is not finite.
        """
        if len(features) != len(self.weights):
            raise ModelError(f"{len(features)} features where the head for {self.rubric} reads {len(self.weights)}")
        value = math.fsum([self.bias, *(w * x for w, x in zip(self.weights, features, strict=True))])
        if not math.isfinite(value):
            raise ModelError("the hidden states are no numbers")
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, value))))


def question_of(rubric: Rubric) -> str:
    """Return the SHA-256 of a rubric's requirement and labels: a change of examples or threshold needs no new head."""
    labels = [[label.name, label.value, label.criterion] for label in rubric.labels]
    return sha256_json([rubric.requirement, labels])


def features_request(turns: Sequence[Turn], recipe: str) -> Request:
    """Build the request for features of the last of `turns`, as the model's own reply to the turns before it.

    No rubric is in the prompt: the features of a turn serve the heads of all rubrics. The turns stand in the model's
    own chat template, defused as in judge prompts.

    Args:
        turns: the judged turn, which must not be blank, and what comes before it.
        recipe: which features.
    """
    messages, _ = chat_messages(turns[:-1])
    defused = tuple(Message(message.role, defuse(message.content) or _EMPTY_TURN) for message in messages)
    return Request(defused, reply=defuse(turns[-1].content), features=recipe)


def read_head(path: str | Path) -> Head:
    """Read a head from its file.

    Raises:
        HeadError: the file cannot be read, or holds no head.
    """
    try:
        return _head(Path(path).read_bytes(), str(path))
    except OSError as error:
        raise HeadError(f"head {path}: {error.strerror or error}") from error


def write_head(head: Head, path: str | Path) -> None:
    """Write a head to a file; the file's name tells it apart from other heads."""
    packed = b64encode(np.asarray(head.weights, "<f4").tobytes()).decode()
    body = {
        "convexplain_head": _VERSION,
        "rubric": head.rubric,
        "question": head.question,
        "model": head.model,
        "recipe": head.recipe,
        "card": dict(head.card),
        "bias": head.bias,
        "n": len(head.weights),
        "weights": packed,
    }
    Path(path).write_text(json.dumps(body, indent=1, ensure_ascii=True) + "\n", encoding="ascii")


@runtime_checkable
class BringsHeads(Protocol):
    """A model that brings heads; the one for a rubric scores in the place of label probabilities."""

    heads: tuple[Head, ...]


def head_of(model: ChatModel, rubric: Rubric) -> Head | None:
    """Return the head that a model brings for a rubric in this wording, of several the last; None where it has none."""
    heads = model.heads if isinstance(model, BringsHeads) else ()
    return next((head for head in reversed(heads) if head.answers(rubric)), None)


def weights_of(model: ChatModel) -> str:
    """Return the part of a model's fingerprint that names weights and precision, not the file's place."""
    return model.fingerprint.rpartition("#")[2]


def check_heads(heads: Sequence[Head], model: ChatModel) -> None:
    """Check that heads were trained on this model's hidden states.

    Raises:
        HeadError: a head was trained on those of another model.
    """
    for head in heads:
        if head.model != weights_of(model):
            raise HeadError(
                f"{model.name}: the head for {head.rubric} was trained on the hidden states of other weights "
                f"({head.model[:40]}, and these are {weights_of(model)[:40]})"
            )


def scoring_fingerprint(model: ChatModel) -> str:
    """Return the identity of a model's scores: its fingerprint, and the heads that it brings."""
    heads = model.heads if isinstance(model, BringsHeads) else ()
    return model.fingerprint + "".join(f"+head:{head.sha[:16]}" for head in heads)


@cache
def shipped_heads() -> tuple[Head, ...]:
    """Return the heads that ship with convexplain, for the embedded model."""
    folder = files(__package__ or "convexplain.judges") / "embedded_heads"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".json")), key=lambda path: path.name)
    return tuple(_head(path.read_bytes(), path.name) for path in paths)


def _head(raw: bytes, name: str) -> Head:
    try:
        body = json.loads(raw)
        jsonschema.validate(body, _SCHEMA)
        weights = np.frombuffer(b64decode(body["weights"], validate=True), "<f4").astype(float)
        if len(weights) != body["n"] or not np.isfinite([*weights, body["bias"]]).all():
            raise ValueError(f"it has not the {body['n']:,} finite weights that it says")
    except jsonschema.ValidationError as error:
        where = "/".join(map(str, error.absolute_path)) or "its top level"
        raise HeadError(f"head {name}: {where}: {error.message}") from error
    except (ValueError, RecursionError) as error:
        raise HeadError(f"head {name}: it is no head as `convexplain judges train` writes it: {error}") from error
    rubric, question, model, recipe = (str(body[key]) for key in ("rubric", "question", "model", "recipe"))
    return Head(rubric, question, model, recipe, tuple(weights.tolist()), float(body["bias"]), body["card"])
