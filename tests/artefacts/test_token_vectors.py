"""First vectors on disk."""

import numpy as np

from alambique.artefacts.token_vectors import read_token_vectors, write_token_vectors


def test_what_is_written_is_read(tmp_path):
    values = np.arange(6.0).reshape(3, 2)
    write_token_vectors(values, tmp_path)
    stored = read_token_vectors(tmp_path, "d")
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.npy"]
    assert (stored.digest, stored.values.dtype, stored.values.tolist()) == ("d", np.float32, values.tolist())
