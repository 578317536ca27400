"""A service for the tests of teachers that are asked over HTTP."""

import pytest
from stand_in import serving


@pytest.fixture(scope="module")
def server():
    """A stand-in that runs as long as the tests of a file; each test resets it."""
    with serving() as stand_in:
        yield stand_in
