"""The student's graph in 8 bits."""
