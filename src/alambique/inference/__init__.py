"""From texts to logits, in ONNX Runtime or PyTorch."""
