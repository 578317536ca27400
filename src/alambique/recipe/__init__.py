"""What to do: every choice of a run, validated and frozen, free of torch."""
