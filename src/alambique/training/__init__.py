"""Training, the same for teacher, student and twin: batches, what is spared, and the run of epochs."""
