"""The student as an HTTP service on this machine, with a page to try it. Needs the extra ``serve``."""
