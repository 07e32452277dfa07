"""The CUDA kernels: under Numba's simulator, on a device where there is one, and through the compiler to PTX."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba import cuda

CASES = Path(__file__).with_name("kernels_gpu_cases.py")


def run_cases(**environment: str) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(CASES)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=CASES.parent.parent, env=os.environ | environment
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_kernels_agree_with_the_reference_under_the_simulator() -> None:
    run_cases(NUMBA_ENABLE_CUDASIM="1")


@pytest.mark.skipif(not cuda.is_available(), reason="no CUDA device")
def test_kernels_agree_with_the_reference_on_the_device() -> None:
    run_cases(NUMBA_ENABLE_CUDASIM="0")


def test_every_kernel_compiles_to_ptx() -> None:
    from numba.cuda.cudadrv import nvvm

    from kernels import gpu

    try:
        nvvm.NVVM()
    except nvvm.NvvmSupportError:
        pytest.skip("no NVVM: install the CUDA toolkit, or the nvidia-cuda-nvcc wheel with numba-cuda")
    ptx = gpu.compile_all_to_ptx()
    launched = {name.removesuffix("_kernel").lstrip("_") for name in vars(gpu) if name.endswith("_kernel")}
    assert launched == {name.removesuffix("_u16") for name in ptx}
    for name, text in ptx.items():
        assert ".visible .entry" in text and ".target sm_75" in text, name
        # Consumer GPUs run double precision at 1/64 speed: none may slip in by promotion.
        assert ".f64" not in text, name
