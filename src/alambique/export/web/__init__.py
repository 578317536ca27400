"""The student as a folder for any static host."""
