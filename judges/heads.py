"""Heads: a linear layer scores turns on one maxim; its card says how good that is.

A head reads two things: plain numbers of the turn in its conversation (`turn_numbers.py`), and a model's hidden states.
It is a JSON file of some kilobytes, no pickle: reading one runs nothing.
"""

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jsonschema
import numpy as np

from convexplain.errors import HeadError, ModelError, UsageError
from convexplain.explain.measurement import chat_messages
from convexplain.models.chat import ChatModel, Message, Request
from convexplain.system.files import write_text
from convexplain.types import Rubric, Turn, sha256_json

from .fence import defuse
from .turn_numbers import VERSION, turn_numbers

_VERSION = 2
_SCHEMA = {
    "type": "object",
    "properties": {
        "convexplain_head": {"const": _VERSION},
        "rubric": {"type": "string", "minLength": 1},
        "question": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "model": {"type": "string", "minLength": 1},
        "recipe": {"type": "string", "minLength": 1},
        "numbers": {"type": "string", "minLength": 1},
        "n": {"type": "integer", "minimum": 1},
        "weights": {"type": "string", "minLength": 1},
        "bias": {"type": "number"},
        "card": {"type": "object"},
    },
    "required": [
        "convexplain_head",
        "rubric",
        "question",
        "model",
        "recipe",
        "numbers",
        "n",
        "weights",
        "bias",
        "card",
    ],
    "additionalProperties": False,
}
_EMPTY_TURN = "(nothing)"  # stands for an empty turn before the judged one
_TURNS_BEFORE = 3  # so many turns before the judged one are read by the model; the plain numbers read all of them
_LARGEST = 8 * 10**6  # bytes of a head's file
_FIRST_WORDS, _LAST_WORDS = 24, 40  # of a longer turn before the judged one, so many words are read


@dataclass(frozen=True, slots=True)
class Head:
    """A linear layer for one rubric, on plain numbers of a turn and on one model's hidden states.

    Attributes:
        rubric: the rubric's id.
        question: `question_of` the rubric that it was trained for: another wording is another question.
        model: `weights_of` the model that it was trained on.
        recipe: the hidden states that it reads, as `Request.features` takes them.
        weights: one for each plain number, then one for each feature of the model.
        bias: the constant that is added.
        card: what it was trained on and how far it agrees with people (JSON values).
        numbers: the version of the plain numbers that it reads.
    """

    rubric: str
    question: str
    model: str
    recipe: str
    weights: tuple[float, ...] = field(repr=False)
    bias: float
    card: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)
    numbers: str = VERSION

    @property
    def sha(self) -> str:
        """Return the SHA-256 of all that decides its scores."""
        return sha256_json([self.rubric, self.question, self.model, self.recipe, self.numbers, self.weights, self.bias])

    def answers(self, rubric: Rubric) -> bool:
        """Return whether it was trained for this rubric, in this wording."""
        return rubric.id == self.rubric and question_of(rubric) == self.question

    def score(self, features: Sequence[float]) -> float:
        """Return the probability that the requirement is satisfied, in [0, 1].

        Args:
            features: as `head_features` gives them.

        Raises:
            ModelError: the number of features is not that of the weights, or a feature is not finite.
        """
        if len(features) != len(self.weights):
            raise ModelError(f"{len(features)} features where the head for {self.rubric} reads {len(self.weights)}")
        value = math.fsum([self.bias, *(w * x for w, x in zip(self.weights, features, strict=True))])
        if not math.isfinite(value):
            raise ModelError("the model's features are no numbers")
        return 1 / (1 + math.exp(-max(-500.0, min(500.0, value))))


def question_of(rubric: Rubric) -> str:
    """Return the SHA-256 of a rubric's requirement and labels: a change of examples or threshold needs no new head."""
    labels = [[label.name, label.value, label.criterion] for label in rubric.labels]
    return sha256_json([rubric.requirement, labels])


def features_request(turns: Sequence[Turn], recipe: str) -> Request:
    """Build the request for features of the last of `turns`, as the model's own reply to the turns before it.

    No rubric is in the prompt: the features of a turn serve the heads of all rubrics. The turns stand in the model's
    own chat template, defused as in judge prompts. Of the turns before the last one the nearest three are read, of long
    ones the beginning and the end: heads are trained so, and reading a turn takes the same time wherever it stands.

    Args:
        turns: the judged turn, which must not be blank, and what comes before it.
        recipe: which features.
    """
    messages, _ = chat_messages([_shortened(turn) for turn in turns[:-1][-_TURNS_BEFORE:]])
    defused = tuple(Message(message.role, defuse(message.content) or _EMPTY_TURN) for message in messages)
    return Request(defused, reply=defuse(turns[-1].content), features=recipe)


def head_features(turns: Sequence[Turn], model_features: Sequence[float]) -> tuple[float, ...]:
    """Return what a head reads of the last of `turns`: its plain numbers, then the features that a model gave."""
    return (*turn_numbers(turns), *model_features)


def _shortened(turn: Turn) -> Turn:
    words = turn.content.split(" ")
    if len(words) <= _FIRST_WORDS + _LAST_WORDS:
        return turn
    return replace(turn, content=" ".join([*words[:_FIRST_WORDS], "…", *words[-_LAST_WORDS:]]))


def read_head(path: str | Path) -> Head:
    """Read a head from its file.

    Raises:
        HeadError: the file cannot be read, is no regular file, is too large, or holds no head.
    """
    try:
        return _head(_read_file(Path(path)), str(path))
    except OSError as error:
        raise HeadError(f"head {path}: {error.strerror or error}") from error


def _read_file(path: Path) -> bytes:
    if path.exists() and not path.is_file():  # a device may have no end, and a pipe no writer
        raise HeadError(f"head {path}: it is no regular file")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise HeadError(f"head {path}: it is larger than {_LARGEST // 10**6} MB, and so no head")
    return content


def write_head(head: Head, path: str | Path) -> None:
    """Write a head to a file; the file's name tells it apart from other heads."""
    packed = b64encode(np.asarray(head.weights, "<f4").tobytes()).decode()
    body = {
        "convexplain_head": _VERSION,
        "rubric": head.rubric,
        "question": head.question,
        "model": head.model,
        "recipe": head.recipe,
        "numbers": head.numbers,
        "card": dict(head.card),
        "bias": head.bias,
        "n": len(head.weights),
        "weights": packed,
    }
    write_text(Path(path), json.dumps(body, indent=1, ensure_ascii=True) + "\n", encoding="ascii")


@runtime_checkable
class BringsHeads(Protocol):
    """A model that brings heads; the one for a rubric scores in the place of label probabilities."""

    heads: tuple[Head, ...]


def head_of(model: ChatModel, rubric: Rubric) -> Head | None:
    """Return the head that a model brings for a rubric in this wording, of several the last; None where it has none.

    Rubrics of conversations have none: a head reads one turn.
    """
    if rubric.of_conversation:
        return None
    heads: Sequence[Head] = getattr(model, "heads", ())  # asked for each judgement: `BringsHeads` would take longer
    return next((head for head in reversed(heads) if head.answers(rubric)), None)


def check_maxims(model: ChatModel, rubrics: Sequence[Rubric]) -> None:
    """Check that a model that judges by its heads alone has one for each rubric.

    Raises:
        UsageError: it has none for a rubric, and asked for a label it is no better than chance.
    """
    unread = [rubric.id for rubric in rubrics if head_of(model, rubric) is None]
    if unread and getattr(model, "only_heads", False) and isinstance(model, BringsHeads):
        maxims = ", ".join(dict.fromkeys(head.rubric for head in model.heads))
        raise UsageError(
            f"{model.name} does not score {', '.join(unread)}: it was trained for {maxims} as they are shipped, and "
            "asked about anything else it is no better than chance. Name another judge (small, or a provider's model), "
            "or train it: convexplain judges train. 'embedded?head=none' scores all the same."
        )


def check_turn_rubrics(rubrics: Sequence[Rubric]) -> None:
    """Check that heads can be trained for rubrics.

    Raises:
        UsageError: one is of conversations.
    """
    if names := [rubric.id for rubric in rubrics if rubric.of_conversation]:
        raise UsageError(
            f"rubrics={', '.join(names)} is not valid: it judges conversations, and a head reads one turn; valid are "
            "rubrics of turns"
        )


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
        if isinstance(body, dict) and body.get("convexplain_head") == 1:
            raise HeadError(
                f"head {name}: an earlier version of convexplain made it, which read no plain numbers; train it again"
            )
        jsonschema.validate(body, _SCHEMA)
        weights = np.frombuffer(b64decode(body["weights"], validate=True), "<f4").astype(float)
        if len(weights) != body["n"] or not np.isfinite([*weights, body["bias"]]).all():
            raise ValueError(f"it has not the {body['n']:,} finite weights that it says")
    except jsonschema.ValidationError as error:
        where = "/".join(map(str, error.absolute_path)) or "its top level"
        raise HeadError(f"head {name}: {where}: {error.message}") from error
    except (ValueError, RecursionError) as error:
        raise HeadError(f"head {name}: it is no head as `convexplain judges train` writes it: {error}") from error
    rubric, question, model, recipe, numbers = (
        str(body[key]) for key in ("rubric", "question", "model", "recipe", "numbers")
    )
    if numbers != VERSION:
        raise HeadError(
            f"head {name}: it reads the plain numbers {numbers!r}, and these are {VERSION!r}; train it again"
        )
    return Head(rubric, question, model, recipe, tuple(weights.tolist()), float(body["bias"]), body["card"], numbers)
