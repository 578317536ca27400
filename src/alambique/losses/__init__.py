"""Losses of distillation: pure functions of tensors."""
