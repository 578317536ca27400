"""Trials over recipe keys, chosen on valid; teachers and soft labels are shared between them."""
