"""Clips with labels, partitions and speakers, read and validated at once."""

from __future__ import annotations

from study.corpus.clip import Clip
from study.corpus.corpus import Corpus, divide, list_corpus, read_corpus
from study.corpus.partitioning import make_partitions
from study.corpus.summary import summarise

__all__ = ["Clip", "Corpus", "divide", "list_corpus", "make_partitions", "read_corpus", "summarise"]
