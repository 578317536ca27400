"""Teachers, students and their tokenizers: found, loaded, built."""
