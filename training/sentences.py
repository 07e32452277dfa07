"""The sentences that a teacher is trained with, their embeddings computed once: ``python -m training sentences``.

A file of a few megabytes stands in for the language model, so that training needs none, and so that every run reads
the very same sentences.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.teacher import EMBEDDING_DIM
from training.degradations import KINDS, Degradation
from training.degradations.kinds import NEVER_TOGETHER
from training.degradations.text import describe, level_of, neutral_sentence

BANK = Path(__file__).resolve().parent / "sentences.safetensors"
STRENGTH_OF_LEVEL = (0.3, 0.5, 0.7, 0.9)
NEUTRAL = "neutral"

SINGLE_PHRASINGS = 24
DOUBLE_PHRASINGS = 2
CLEAN_PHRASINGS = 40

Key = str
"""What a sentence says: ``smoke:2+stripes:0``, kinds in the order of ``KINDS`` with their level; empty: clean."""


def key_of(degradations: Sequence[Degradation]) -> Key:
    """The key of what a sentence about these degradations says."""
    levels = {degradation.kind: level_of(degradation.strength) for degradation in degradations}
    return "+".join(f"{kind}:{levels[kind]}" for kind in KINDS if kind in levels)


def all_sentences(seed: int = 0) -> list[tuple[Key, str]]:
    """Key and text of every sentence in the bank: each kind, level and allowed pair, several phrasings of each."""
    rng = np.random.default_rng(seed)
    sentences = [(NEUTRAL, neutral_sentence())]
    sentences += [("", describe((), rng)) for _ in range(CLEAN_PHRASINGS)]
    singles = [Degradation(kind, strength) for kind in KINDS for strength in STRENGTH_OF_LEVEL]
    for single in singles:
        sentences += [(key_of([single]), describe([single], rng)) for _ in range(SINGLE_PHRASINGS)]
    for pair in itertools.combinations(singles, 2):
        kinds = frozenset(degradation.kind for degradation in pair)
        if len(kinds) == 2 and kinds not in NEVER_TOGETHER:
            sentences += [(key_of(pair), describe(pair, rng)) for _ in range(DOUBLE_PHRASINGS)]
    return sentences


class SentenceBank:
    """Sentences and their embeddings by what they say. Raises FileNotFoundError where there is no bank."""

    def __init__(self, path: Path = BANK) -> None:
        if not path.exists():
            raise FileNotFoundError(f"{path}: no sentences; make them by: python -m training sentences")
        with safe_open(path, "pt") as file:
            self.embeddings: Tensor = file.get_tensor("embeddings").float()
            listed = json.loads(file.metadata()["sentences"])
        self.sentences: list[tuple[Key, str]] = [(key, text) for key, text in listed]
        self._rows: dict[Key, list[int]] = {}
        for row, (key, _) in enumerate(self.sentences):
            self._rows.setdefault(key, []).append(row)

    def right(self, degradations: Sequence[Degradation], rng: np.random.Generator) -> Tensor:
        """The embedding of a sentence that says what was done, (dim,)."""
        return self._pick(key_of(degradations), rng)

    def wrong(self, degradations: Sequence[Degradation], rng: np.random.Generator) -> Tensor:
        """The embedding of a sentence that says something else, (dim,)."""
        others = [key for key in self._rows if key not in (NEUTRAL, key_of(degradations))]
        there = {degradation.kind for degradation in degradations}
        strangers = [key for key in others if not there & {part.split(":")[0] for part in key.split("+")}]
        return self._pick(strangers[int(rng.integers(len(strangers)))], rng)

    def neutral(self) -> Tensor:
        """The embedding of the sentence that says nothing about the pictures, (dim,)."""
        return self.embeddings[self._rows[NEUTRAL][0]]

    def rows_by_key(self) -> dict[Key, list[int]]:
        """What is said -> rows of ``embeddings`` that say it."""
        return {key: list(rows) for key, rows in self._rows.items()}

    def _pick(self, key: Key, rng: np.random.Generator) -> Tensor:
        rows = self._rows[key]
        return self.embeddings[rows[int(rng.integers(len(rows)))]]


def embeddings_for(
    bank: SentenceBank | None,
    done: Sequence[Sequence[Degradation]],
    rng: np.random.Generator,
    neutral_share: float = 0.0,
) -> Tensor:
    """What a teacher is told about each picture, (n, 384): the truth, or now and then nothing; zeros without bank."""
    if bank is None:
        return torch.zeros(len(done), EMBEDDING_DIM)
    told = [
        bank.neutral() if neutral_share and rng.random() < neutral_share else bank.right(degradations, rng)
        for degradations in done
    ]
    return torch.stack(told)


def write_bank(path: Path, encoder: str = "minilm") -> int:
    """Encode all sentences and write them with their embeddings (half precision); how many there are."""
    from models.text import TextEncoder

    sentences = all_sentences()
    embeddings = TextEncoder(encoder).encode([text for _, text in sentences])
    metadata = {"sentences": json.dumps(sentences), "encoder": encoder}
    save_file({"embeddings": torch.from_numpy(embeddings).half()}, path, metadata)
    return len(sentences)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training sentences", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=BANK, help="the bank's file")
    parser.add_argument("--encoder", default="minilm", help="minilm (packaged), or a local Hugging Face text model")
    args = parser.parse_args(argv)
    print(f"{write_bank(args.output, args.encoder)} sentences written to {args.output}")
    return 0
