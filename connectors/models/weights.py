"""The weights of local models: their folder, their identity, and their loading on the devices of this machine."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.errors import MissingExtraError, UnavailableError

from .revisions import REVISIONS

if TYPE_CHECKING:
    import torch

_FILES = ["*.safetensors", "*.json", "*.model", "*.jinja", "*.txt"]
_TWICE = "consolidated*"  # the same weights once more, in Mistral's own form
_SAMPLES, _SAMPLE = 64, 16_384  # places in a weight file that are read, and how many bytes at each
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's folder, and the device and precision on which it runs here.

    Attributes:
        folder: weights, tokenizer and configuration as `save_pretrained` writes them.
        device: `cpu`, or the accelerator that is there.
        dtype: of weights and activations.
    """

    folder: Path
    device: "torch.device"
    dtype: "torch.dtype"

    def load(self) -> Any:
        """Load the model, ready to answer. Raises OSError or ValueError when there is none in the folder."""
        import torch
        from transformers import AutoModelForCausalLM

        if self.device.type == "cuda" and (torch.cuda.device_count() > 1 or not self._fits()):
            options: dict[str, Any] = {"device_map": "auto"}  # spread over what there is
        else:
            options = {"device_map": {"": self.device}}
        model: Any = AutoModelForCausalLM.from_pretrained(self.folder, dtype=self.dtype, **options)
        widen_head(model)
        return model.eval().requires_grad_(False)

    def digest(self) -> str:
        """Return an identity of the weights and of their precision.

        Of each weight file its size and 64 samples spread over it are read, for reading 90 GB takes minutes; tokenizer
        and configuration are read in full.
        """
        digest = hashlib.sha256(str(self.dtype).encode())
        for path in sorted(path for path in self.folder.iterdir() if path.is_file() and not path.match(_TWICE)):
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
        """Return the new tokens in one forward pass of several prompts, and the bytes of the cache.

        A CPU is no faster on several prompts of hundreds of tokens at once than on one after the other (0.41 to 0.49 s
        a judgement on two cores either way), so it is spared the padding. A GPU wants thousands of tokens.
        """
        import torch

        if self.device.type == "cpu":
            return 1, _GIB // 2
        free = torch.cuda.mem_get_info()[0] if self.device.type == "cuda" else 8 * _GIB
        return 8_192, free // 4

    def _fits(self) -> bool:
        import torch

        return _weight_bytes(self.folder, self.dtype) < 0.9 * torch.cuda.mem_get_info()[0]


def context_length(config: Any) -> int | None:
    """Return the tokens that a prompt and its reply may have together; None where the model does not say.

    Some models stretch their positions by the longest prompt in sight. They are kept to the length at which they do
    not, or a score would depend on what else is computed.
    """
    text = config.get_text_config()
    longest = getattr(text, "max_position_embeddings", None)
    rope = getattr(text, "rope_parameters", None) or {}
    if rope.get("rope_type") in ("longrope", "dynamic"):
        original = rope.get("original_max_position_embeddings")
        original = original or getattr(text, "original_max_position_embeddings", None)
        return min(filter(None, (longest, original)), default=None)
    return longest


def widen_head(model: Any) -> None:
    """Compute the logits in float32: in bfloat16 they come in steps of an eighth, and scores in steps of 0.03."""
    import torch

    head = model.get_output_embeddings()
    if isinstance(head, torch.nn.Linear) and head.weight.dtype in (torch.bfloat16, torch.float16):
        wide = torch.nn.Linear(head.in_features, head.out_features, head.bias is not None, dtype=torch.float32)
        wide.load_state_dict({name: value.float() for name, value in head.state_dict().items()})
        wide.to(head.weight.device).register_forward_pre_hook(lambda _, inputs: (inputs[0].float(), *inputs[1:]))
        model.set_output_embeddings(wide)


def find_weights(source: str | Path, name: str, dtype: str | None, *, fetch: bool = True) -> Weights:
    """Return the weights in a folder or a repository of the Hugging Face hub (fetched unless they are in its cache).

    On an accelerator it is computed in bfloat16 (float16 where it has none), on a CPU in float32 if that fits into the
    memory.

    Raises:
        MissingExtraError: torch or huggingface_hub is not installed.
        UnavailableError: there is neither such a folder nor such a repository, or the hub cannot be reached (with
            `fetch` false: or the weights are not in its cache).
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("A local model", "local") from error
    folder = Path(source).expanduser()
    if not folder.is_dir():
        folder = _fetch(str(source), name, fetch)
    # What is there, not what PyTorch was built for.
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    device = device or torch.device("cpu")
    if dtype is not None:
        return Weights(folder, device, getattr(torch, dtype))
    if device.type == "cpu":
        small = _weight_bytes(folder, torch.float32) < 0.7 * _memory()
        return Weights(folder, device, torch.float32 if small else torch.bfloat16)
    half = (
        torch.float16
        if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
        else torch.bfloat16
    )
    return Weights(folder, device, half)


def _fetch(repo: str, name: str, fetch: bool) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, OfflineModeIsEnabled
    except ImportError as error:
        raise MissingExtraError("A local model", "local") from error
    try:
        folder = snapshot_download(
            repo,
            revision=REVISIONS.get(repo),
            allow_patterns=_FILES,
            ignore_patterns=_TWICE,
            local_files_only=not fetch,
        )
        return Path(folder)
    except HFValidationError as error:
        raise UnavailableError(f"{name}: there is no such folder, and it is no repository's name: {repo}") from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise UnavailableError(
            f"{name}: there is no such folder, its weights are not in the hub's cache, and the hub is out of reach"
        ) from error
    except OSError as error:  # its HTTP errors too
        raise UnavailableError(f"{name}: the hub does not give these weights: {str(error).splitlines()[0]}") from error


def _weight_bytes(folder: Path, dtype: "torch.dtype") -> int:
    """Return the weights' size in that type; 0 where they are quantised, and stay as they are."""
    from safetensors import safe_open

    config = folder / "config.json"
    if config.is_file() and "quantization_config" in json.loads(config.read_text(encoding="utf-8")):
        return 0
    numbers = 0
    for path in folder.glob("*.safetensors"):
        if path.match(_TWICE):
            continue
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - it is no dict
                numbers += math.prod(file.get_slice(key).get_shape())
    return numbers * dtype.itemsize


def _memory() -> int:
    """Return the size of the memory, used or free: the choice must be the same tomorrow."""
    import psutil  # comes with accelerate

    return int(psutil.virtual_memory().total)
