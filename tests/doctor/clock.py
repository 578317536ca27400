"""A clock that only a model's forward passes move."""


class Clock:
    """Time as the model spends it: so many seconds for each token of a batch."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.sizes = []
        monkeypatch.setattr("time.perf_counter", lambda: self.now)

    def spend(self, each):
        def run(model, args, inputs):
            self.sizes.append(len(inputs["input_ids"]))
            self.now += each * inputs["input_ids"].numel()

        return run
