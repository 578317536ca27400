"""Exact speed-ups of training and scoring on a processor."""
