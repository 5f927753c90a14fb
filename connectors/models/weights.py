"""Where a local model's weights lie, what identifies them, and how they are loaded on what this machine has."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.errors import MissingExtraError, UnavailableError

if TYPE_CHECKING:
    import torch

_FILES = ["*.safetensors", "*.json", "*.model", "*.jinja", "*.txt"]
_SAMPLES, _SAMPLE = 64, 16_384  # places in a weight file that are looked at, and how many bytes at each
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's folder, and how it is run here.

    Attributes:
        folder: weights, tokenizer and configuration as `save_pretrained` writes them.
        device: `cpu`, or the accelerator that is there.
        dtype: of weights and activations.
    """

    folder: Path
    device: "torch.device"
    dtype: "torch.dtype"

    def load(self) -> Any:
        """The model, ready to answer. Raises OSError or ValueError when there is none in the folder."""
        import torch
        from transformers import AutoModelForCausalLM

        if self.device.type == "cuda" and (torch.cuda.device_count() > 1 or not self._fits()):
            options: dict[str, Any] = {"device_map": "auto"}  # spread over what there is
        else:
            options = {"device_map": {"": self.device}}
        model: Any = AutoModelForCausalLM.from_pretrained(self.folder, dtype=self.dtype, **options)
        return model.eval().requires_grad_(False)

    def digest(self) -> str:
        """Identifies the weights and how they are computed.

        Of each weight file its size and 64 samples spread over it are looked at, for reading 90 GB takes minutes; of
        the tokenizer and the configuration everything.
        """
        digest = hashlib.sha256(str(self.dtype).encode())
        for path in sorted(path for path in self.folder.iterdir() if path.is_file()):
            size = path.stat().st_size
            digest.update(f"{path.name} {size} ".encode())
            with path.open("rb") as file:
                if path.suffix == ".safetensors" and size > _SAMPLES * _SAMPLE:
                    for i in range(_SAMPLES):
                        file.seek((size - _SAMPLE) * i // (_SAMPLES - 1))
                        digest.update(file.read(_SAMPLE))
                elif path.suffix in {".safetensors", ".json", ".model", ".jinja"}:
                    digest.update(file.read())
        return digest.hexdigest()[:16]

    def budget(self) -> tuple[int, int]:
        """New tokens in one forward pass of several prompts, and bytes for keys and values that are kept.

        Two cores are no faster on a hundred tokens of several prompts than on those of one; a GPU wants thousands.
        """
        import torch

        if self.device.type == "cpu":
            return 128, _GIB // 2
        free = torch.cuda.mem_get_info()[0] if self.device.type == "cuda" else 8 * _GIB
        return 8_192, free // 4

    def _fits(self) -> bool:
        import torch

        return _weight_bytes(self.folder, self.dtype) < 0.9 * torch.cuda.mem_get_info()[0]


def find_weights(source: str | Path, name: str, dtype: str | None) -> Weights:
    """The weights in a folder or a repository of the Hugging Face hub (fetched unless they are in its cache).

    On an accelerator it is computed in bfloat16 (float16 where it has none), on a CPU in float32 if that fits into the
    memory.

    Raises:
        MissingExtraError: torch or huggingface_hub is not installed.
        UnavailableError: there is neither such a folder nor such a repository, or the hub cannot be reached.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("A local model", "local") from error
    folder = Path(source).expanduser()
    if not folder.is_dir():
        folder = _fetch(str(source), name)
    device = torch.accelerator.current_accelerator() or torch.device("cpu")
    if dtype is not None:
        return Weights(folder, device, getattr(torch, dtype))
    if device.type == "cpu":
        small = _weight_bytes(folder, torch.float32) < 0.8 * _free_memory()
        return Weights(folder, device, torch.float32 if small else torch.bfloat16)
    half = torch.float16 if device.type == "cuda" and not torch.cuda.is_bf16_supported() else torch.bfloat16
    return Weights(folder, device, half)


def _fetch(repo: str, name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
    except ImportError as error:
        raise MissingExtraError("A local model", "local") from error
    try:
        return Path(snapshot_download(repo, allow_patterns=_FILES))
    except HFValidationError as error:
        raise UnavailableError(f"{name}: there is no such folder, and it is no repository's name: {repo}") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise UnavailableError(
            f"{name}: there is no such folder, its weights are not in the hub's cache, and the hub is out of reach"
        ) from error
    except OSError as error:  # its HTTP errors too
        raise UnavailableError(f"{name}: the hub does not give these weights: {str(error).splitlines()[0]}") from error


def _weight_bytes(folder: Path, dtype: "torch.dtype") -> int:
    """The weights' size in that type; 0 where they are quantised, and stay as they are."""

    from safetensors import safe_open

    config = folder / "config.json"
    if config.is_file() and "quantization_config" in json.loads(config.read_text(encoding="utf-8")):
        return 0
    numbers = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - it is no dict
                numbers += math.prod(file.get_slice(key).get_shape())
    return numbers * dtype.itemsize


def _free_memory() -> int:
    import psutil  # comes with accelerate

    return int(psutil.virtual_memory().available)
