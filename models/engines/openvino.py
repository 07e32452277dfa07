"""The CPU engine: the student's trunk in OpenVINO, its input and output written and read by our kernels."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from kernels.blocks import VALUES
from models.engines.base import (
    EngineError,
    FusionResult,
    Resolution,
    check_lumas,
    chroma_gain_shape,
    halves,
    named_scores,
)
from models.engines.cache import cache_folder
from models.engines.processors import processor, usable_processors
from models.engines.unread import PICTURES, unread
from models.geometry import trunk_size
from models.outputs import INPUTS, OUTPUTS
from models.prior import KIND_NAMES
from models.steering import steer_of
from models.weights import weights_path

_MOST_PARALLEL = 16
"""Pictures fused at once at most: each of many processors would otherwise hold one in memory."""

_MAX_SIZES = 4
"""Compiled sizes kept; a folder of pictures of many sizes must not fill the memory."""


_Key = tuple[int, int, bool]
"""Height and width of a trunk's input, and whether the network reads the pictures or is ``unread``."""


class _Size:
    """A compiled size and its idle requests; one more is made whenever all are busy."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._idle: deque[tuple[Any, NDArray[np.float32], NDArray[np.float32]]] = deque()

    @contextmanager
    def request(self) -> Iterator[tuple[Any, NDArray[np.float32], NDArray[np.float32]]]:
        """An inference request and the buffers of its two inputs, for one call."""
        try:
            mine = self._idle.pop()
        except IndexError:
            packed, steer = (np.empty(self._compiled.input(index).shape, np.float32) for index in (0, 1))
            request = self._compiled.create_infer_request()
            for index, buffer in enumerate((packed, steer)):
                request.set_input_tensor(index, ov.Tensor(buffer, shared_memory=True))
            mine = (request, packed, steer)
        try:
            yield mine
        finally:
            self._idle.append(mine)


def automatic_precision(abilities: Collection[str], flags: Collection[str]) -> str:
    """``bf16`` or ``fp32``, by OpenVINO's word on the CPU and the CPU's own flags.

    bf16 only where the CPU multiplies matrices of it: with AVX-512's bf16 alone a 640x480 picture took 4.3 ms and with
    fp32 3.7 (two threads).
    """
    return "bf16" if "BF16" in abilities and "amx_bf16" in flags else "fp32"


class OpenVinoEngine:
    """Runs an exported student on the CPU. Implements ``models.engines.base.Engine``.

    The trunk is compiled once for every frame size (about 0.2 s each, twice for videos). No torch is imported.
    """

    name = "openvino"

    def __init__(
        self,
        model: str = "stream",
        precision: str = "auto",
        threads: int = 0,
        *,
        throughput: bool = False,
        resolution: Resolution = "auto",
    ) -> None:
        """``threads``: inference threads, 0: all processors. ``throughput``: fuse as many pictures at once (up to 16),
        each on one thread, instead of one picture on all of them: no thread then waits for another. ``resolution``: at
        which the student looks, see ``models.engines.base.Resolution``. Raises EngineError.
        """
        if precision not in ("auto", "fp32", "bf16"):
            raise EngineError(f"precision {precision!r}: the openvino engine runs fp32, and bf16 where the CPU has it")
        self.model = model
        self._resolution = resolution
        self._core = ov.Core()
        abilities = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in abilities:
            raise EngineError(f"precision 'bf16': this CPU does not run it (it has {', '.join(abilities)}); use 'auto'")
        self.precision = automatic_precision(abilities, processor().flags) if precision == "auto" else precision
        self._threads = threads or usable_processors()
        self.parallel = min(self._threads, _MOST_PARALLEL) if throughput else 1
        try:
            self._network = self._core.read_model(weights_path(model, ".xml"))
        except RuntimeError as error:
            raise EngineError(f"model {model!r}: OpenVINO cannot read it: {str(error).splitlines()[0]}") from error
        self._check_outputs()
        self._sizes: OrderedDict[_Key, Future[_Size]] = OrderedDict()
        self._lock = threading.Lock()
        self._compiler = ThreadPoolExecutor(1, thread_name_prefix="compile")
        self._cache = cache_folder()
        self._cached_size: tuple[int, int] | None = None

    def _check_outputs(self) -> None:
        """Raise EngineError for a network that was exported by another version."""
        outputs = {", ".join(output.names): output.partial_shape for output in self._network.outputs}
        inputs = tuple(", ".join(given.names) for given in self._network.inputs)
        expected = {"maps": 3 * VALUES, "severity": len(KIND_NAMES)}
        if inputs != INPUTS or tuple(outputs) != OUTPUTS or any(outputs[k][-1] != n for k, n in expected.items()):
            raise EngineError(
                f"model {self.model!r}: exported by another version, its outputs are {'; '.join(outputs)}, not "
                f"{'; '.join(OUTPUTS)} for {len(KIND_NAMES)} kinds; export it again (python -m training export)"
            )

    def _size(self, key: _Key) -> Future[_Size]:
        """What runs a size, compiled in a thread of its own from the first time that it is asked for."""
        with self._lock:
            if key not in self._sizes:
                self._sizes[key] = self._compiler.submit(self._compile, key)
                if len(self._sizes) > _MAX_SIZES:
                    self._sizes.popitem(last=False)
            self._sizes.move_to_end(key)
            return self._sizes[key]

    def _compile(self, key: _Key) -> _Size:
        height, width, reads = key
        network = self._network.clone() if reads else unread(self._network)
        packed = INPUTS[0]
        network.reshape({packed: [1, height, width, network.input(packed).partial_shape[3].get_length()]})
        settings: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": self._threads,
            "NUM_STREAMS": self.parallel,
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
        }
        self._cached_size = self._cached_size or (height, width)
        if self._cache is not None and self._cached_size == (height, width):
            # Of the first size only: a folder of pictures of many sizes must not fill the disk.
            settings["CACHE_DIR"] = str(self._cache)
        return _Size(self._core.compile_model(network, "CPU", settings))

    def expect(self, height: int, width: int) -> None:
        """As ``models.engines.base.Engine.expect``."""
        rows, columns = trunk_size(height, width, halves(self._resolution, height, width))
        for reads in (True, False):
            self._size((rows, columns, reads))

    def _ready(self, height: int, width: int, read: bool) -> tuple[_Size, bool]:
        """What runs trunk size (h, w) now, and whether it reads: the whole network stands in until the one without a
        reader is compiled, which nobody waits for.
        """
        if not read and (unread_size := self._size((height, width, False))).done():
            return unread_size.result(), False
        return self._size((height, width, True)).result(), True

    def fuse(
        self,
        infrared: NDArray[np.uint8],
        visible: NDArray[np.uint8],
        code: NDArray[np.float32] | None = None,
        *,
        read: bool = True,
    ) -> FusionResult:
        """As ``models.engines.base.Engine.fuse``."""
        check_lumas(infrared, visible)
        read = read or code is None
        height, width = visible.shape
        luma = np.empty((height, width), np.uint8)
        half = halves(self._resolution, height, width)
        # Not at the top: the network compiles while these load, and only those that are needed.
        if half:
            from kernels.halved import apply_maps_doubled as apply
            from kernels.halved import pack_lumas_halved as pack
        else:
            from kernels.maps import apply_maps as apply
            from kernels.maps import pack_lumas as pack
        size, reads = self._ready(*trunk_size(height, width, half), read)
        with size.request() as (request, packed, steer):
            pack(infrared, visible, packed[0])
            steer[0] = steer_of(code) if reads else code
            request.infer()
            outputs = OUTPUTS if reads else PICTURES
            maps, gain, *rest = (request.get_output_tensor(index).data[0] for index in range(len(outputs)))
            apply(maps, infrared, visible, luma)
            gain = gain[..., 0].repeat(2, axis=0).repeat(2, axis=1) if half else gain[..., 0]
            gain_rows, gain_columns = chroma_gain_shape(height, width)
            # The next picture overwrites what the request gave.
            gain = gain[:gain_rows, :gain_columns].copy()
            if not read:
                return FusionResult(luma, gain)
            severity, own, _ = rest
            return FusionResult(luma, gain, named_scores(severity), own.copy())

    def close(self) -> None:
        """Release memory and threads."""
        self._compiler.shutdown(cancel_futures=True)
        with self._lock:
            self._sizes.clear()
