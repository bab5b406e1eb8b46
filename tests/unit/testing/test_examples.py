"""The examples in the docstrings run, and show what they say."""

import doctest
from types import ModuleType

import pytest

from hub.testing import clock, harness, job


@pytest.mark.parametrize("module", [clock, harness, job], ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
