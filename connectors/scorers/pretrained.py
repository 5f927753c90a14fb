"""Models that are loaded once, and forward passes over padded batches: shared by the models of this package."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from convexplain.connectors.models.revisions import REVISIONS
from convexplain.connectors.models.weights import Weights, context_length, find_weights, widen_head
from convexplain.errors import ConvexplainError, MissingExtraError, UnavailableError

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
_BATCH = 16


class Pretrained:
    """A tokenizer and a model of the Hugging Face hub or of a folder, loaded when first asked for; for any thread.

    Args:
        source: a folder as `save_pretrained` writes it, or the name of a repository on the hub.
        name: how the user calls the model, for messages.
        kind: the class of `transformers` that loads it, e.g. `AutoModel`.
        dtype: e.g. `float32`; None for what suits the device and fits into its memory.
    """

    def __init__(self, source: str | Path, name: str, kind: str, dtype: str | None = "float32") -> None:
        self.name = name
        self._source = source
        self._kind = kind
        self._dtype = dtype
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def get(self) -> tuple[Any, Any]:
        """Return the tokenizer and the model.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: no such model can be had from there.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> tuple[Any, Any]:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError("A local model", "local") from error
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            weights = find_weights(self._source, self.name, self._dtype)
            self._fetch_older(weights)
            tokenizer = transformers.AutoTokenizer.from_pretrained(weights.folder)
            where = {"": weights.device}
            model = getattr(transformers, self._kind).from_pretrained(
                weights.folder, dtype=weights.dtype, device_map=where
            )
        except ConvexplainError:
            raise
        except Exception as error:  # a loader of files from anywhere raises anything
            reason = f"{type(error).__name__}: {error}"
            raise UnavailableError(f"{self.name}: no model can be loaded from {self._source}: {reason}") from error
        if model.get_output_embeddings() is not None:
            widen_head(model)
        return tokenizer, model.eval().requires_grad_(False)

    def _fetch_older(self, weights: Weights) -> None:
        """Fetch weights in PyTorch's own form: some repositories of 2023 have no other."""
        if Path(self._source).expanduser().is_dir() or any(weights.folder.glob("*.safetensors")):
            return
        from huggingface_hub import snapshot_download

        repo = str(self._source)
        snapshot_download(repo, revision=REVISIONS.get(repo), allow_patterns="pytorch_model*.bin")


def window(tokenizer: Any, model: Any) -> int:
    """Return how many tokens the model reads, those that its tokenizer adds included."""
    import torch

    limits = [tokenizer.model_max_length, context_length(model.config)]
    positions = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    if isinstance(positions, torch.nn.Embedding):  # RoBERTa leaves the first ones unused
        unused = 0 if positions.padding_idx is None else positions.padding_idx + 1
        limits.append(positions.num_embeddings - unused)
    return int(min(limit for limit in limits if limit is not None))


def in_batches(
    rows: Sequence[Mapping[str, Sequence[int]]],
    pad: int | None,
    model: Any,
    run: "Callable[[dict[str, torch.Tensor]], Iterable[T]]",
) -> list[T]:
    """Return one value for each row, in their order; rows of like length are computed together, padded and masked.

    Args:
        rows: the output of a tokenizer, one text each.
        pad: the token that fills up.
        model: where to put the tensors.
        run: computes the values of a padded batch.
    """
    import torch
    from torch.nn.utils.rnn import pad_sequence

    order = sorted(range(len(rows)), key=lambda i: len(rows[i]["input_ids"]))
    values: dict[int, T] = {}
    for start in range(0, len(order), _BATCH):
        indices = order[start : start + _BATCH]
        batch = {
            key: pad_sequence(
                [torch.tensor(rows[i][key], dtype=torch.long) for i in indices],
                batch_first=True,
                padding_value=(pad or 0) if key == "input_ids" else 0,
            ).to(model.device)
            for key in rows[indices[0]]
        }
        with torch.inference_mode():
            values |= zip(indices, run(batch), strict=True)
    return [values[i] for i in range(len(rows))]
