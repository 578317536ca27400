"""A static student is known to Transformers after ``import alambique``, whichever is imported first."""

import subprocess
import sys

import pytest
import torch

from alambique.models.static_config import StaticConfig
from alambique.models.static_model import StaticForSequenceClassification

LOAD = """
model = transformers.AutoModelForSequenceClassification.from_pretrained(sys.argv[1])
print(type(model).__name__, type(transformers.AutoConfig.from_pretrained(sys.argv[1])).__name__)
"""
ORDERS = {
    "alambique first": "import sys, alambique\nassert 'transformers' not in sys.modules\nimport transformers",
    "transformers first": "import sys, transformers\ntransformers.AutoModelForSequenceClassification\nimport alambique",
}


@pytest.mark.parametrize("order", ["transformers first", pytest.param("alambique first", marks=pytest.mark.slow)])
def test_transformers_loads_a_static_student(tmp_path, order):
    torch.manual_seed(0)
    StaticForSequenceClassification(StaticConfig(vocab_size=5, hidden_size=2)).save_pretrained(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", ORDERS[order] + LOAD, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "StaticForSequenceClassification StaticConfig\n"
