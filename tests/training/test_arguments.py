from transformers import TrainingArguments

from alambique.recipe.sections import Compute, Training
from alambique.training.arguments import training_arguments, unused_devices


def test_training_uses_one_of_several_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(TrainingArguments, "__post_init__", two_gpus(TrainingArguments.__post_init__))
    arguments = training_arguments(Training(epochs=1, batch_size=8), Compute(), tmp_path, 0, rows=16, metric="macro_f1")
    assert arguments.n_gpu == 1
    assert arguments.train_batch_size == 8  # Trainer would train 16 rows per step on two


def two_gpus(real):
    def set_up(arguments):
        real(arguments)
        arguments._n_gpu = 2

    return set_up


def test_idle_gpus_are_counted(monkeypatch):
    assert unused_devices() == 0
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert unused_devices() == 2
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "here", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    assert unused_devices() == 1
