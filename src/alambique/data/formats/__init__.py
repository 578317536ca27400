"""The forms in which people keep labelled text: one module for each, from bytes to a table."""
