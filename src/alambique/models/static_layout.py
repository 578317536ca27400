"""What the static student's two programs, in torch and in numpy, must have alike. Imports nothing."""

MODEL_TYPE = "alambique-static"  # in its config.json
FACTOR = 16777619  # of the hash of a run of token ids: FNV's prime
