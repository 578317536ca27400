"""Time a training step of each architecture with the last layer for the first token alone, against every token of it.

    python benchmarks/last_layer.py [--full]

Three layers of width 384, batches of 32 rows of about 24 tokens; a step is forward, backward, clipping and AdamW. Both ways
take turns, on the same batch; the medians and their ratio are printed. By default 12 pairs, with `--full` 60. The last line
of the output is one JSON object.
"""

import argparse
import json
import statistics
import time

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from alambique.models.speedups.cls_last_layer import disable_cls_only, enable_cls_only

WIDTH, LAYERS, HEADS, ROWS, TOKENS, WORDS = 384, 3, 12, 32, 24, 4000
SIZE = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
WIDER = {"intermediate_size": 4 * WIDTH}
SHAPES = {
    "bert": SIZE | WIDER,
    "distilbert": {"dim": WIDTH, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": 4 * WIDTH},
    "roberta": SIZE | WIDER,
    "xlm-roberta": SIZE | WIDER,
    "camembert": SIZE | WIDER,
    "electra": SIZE | WIDER | {"embedding_size": WIDTH},
    "modernbert": SIZE | {"intermediate_size": 3 * WIDTH // 2, "classifier_pooling": "cls"},  # gated: 1.5 × the width
}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}


def main() -> None:
    """Measure each architecture and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="60 pairs of steps instead of 12")
    pairs = 60 if parser.parse_args().full else 12
    batch = example()
    results = {}
    for name in SHAPES:
        every, first = times(build(name), batch, pairs)
        results[name] = {"every_token_ms": every, "first_token_ms": first, "ratio": every / first}
        print(f"{name:12} {every:7.1f} ms → {first:7.1f} ms  {every / first:.2f}×")
    print(json.dumps(results))


def build(name: str) -> PreTrainedModel:
    """A classifier in train mode; speed does not depend on its weights."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(name, vocab_size=WORDS, **SHAPES[name], **SPECIAL)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
    return model.train()


def example() -> dict[str, Tensor]:
    """A batch of rows of similar length: (32, 24) token ids, the last rows padded by a few."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(4, WORDS, (ROWS, TOKENS), generator=generator)
    ids[:, 0] = 2
    ids[ROWS // 2 :, -2:] = 0
    return {"input_ids": ids, "attention_mask": (ids != 0).long()}


def times(model: PreTrainedModel, batch: dict[str, Tensor], pairs: int) -> tuple[float, float]:
    """Median milliseconds of a step: with every token of the last layer, and with its first alone."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, fused=True)
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(pairs + 2):
        for way in (0, 1) if turn % 2 else (1, 0):
            (disable_cls_only, enable_cls_only)[way](model)
            began = time.perf_counter()
            model(**batch).logits.logsumexp(-1).mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            if turn > 1:  # the first two warm up
                taken[way].append(1000 * (time.perf_counter() - began))
    return statistics.median(taken[0]), statistics.median(taken[1])


if __name__ == "__main__":
    main()
