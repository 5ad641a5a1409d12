"""The simulated corpus as it is read."""

from __future__ import annotations

import pytest

from study.corpus import Corpus, read_corpus


@pytest.fixture(scope="session")
def truth(synthetic) -> Corpus:
    """The simulated corpus as it is read."""
    return read_corpus(synthetic)
