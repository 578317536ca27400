"""From logits to figures, intervals and the verdict."""
