"""One training step as a CUDA graph: forward, backward and update replayed as one launch.

A small network's step is hundreds of kernels of a few microseconds each: launched one by one, the GPU waits for the
processor. Capture follows PyTorch's rules (docs, "CUDA Graphs"): a few eager steps on a side stream first, gradients
freed before capture, a learning rate that is a tensor. On a CPU the same step runs as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from training.loop import Average

Terms = dict[str, Tensor]

_EAGER_STEPS = 4


class CapturedStep:
    """A network's optimizer and step. ``compute``: the weighted terms whose sum is the loss, from fixed tensors."""

    def __init__(
        self, network: nn.Module, extra: nn.Module, compute: Callable[[], Terms], device: torch.device, ema: float
    ) -> None:
        self._parameters = [p for p in (*network.parameters(), *extra.parameters()) if p.requires_grad]
        self._compute, self._network = compute, network
        self.on_gpu = device.type == "cuda"
        self.rate = torch.zeros((), device=device)
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=self.rate, weight_decay=1e-4, fused=True, capturable=self.on_gpu
        )
        self.average = Average(network, ema)
        self.stream = torch.cuda.Stream() if self.on_gpu else None
        self._graph: torch.cuda.CUDAGraph | None = None
        self._runs = 0
        self.terms: Terms = {}
        """Of the newest step."""

    def run(self, rate: float) -> None:
        """One step at a learning rate, queued on the step's own stream."""
        if self.stream is None:
            self.rate.fill_(rate)
            self._step()
            self.average.update(self._network)
            return
        with torch.cuda.stream(self.stream):
            self.rate.fill_(rate)
            if self._graph is not None:
                self._graph.replay()
            else:
                self._step()
                self._runs += 1
                if self._runs == _EAGER_STEPS:
                    self._capture(self.stream)
            self.average.update(self._network)

    def _capture(self, stream: torch.cuda.Stream) -> None:
        stream.synchronize()
        self._optimizer.zero_grad(set_to_none=True)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            self._step()
        self._graph = graph

    def _step(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        terms = self._compute()
        torch.stack(list(terms.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self.terms = {name: term.detach() for name, term in terms.items()}
