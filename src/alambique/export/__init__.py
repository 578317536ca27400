"""The student as files to ship: ONNX in fp32 and int8, none kept unless it does what PyTorch does; a web page; the Hub."""
