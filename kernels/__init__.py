"""Per-pixel work: scalar functions written once, looped on the CPU (Numba ``njit``) and gridded on the GPU.

Every public function takes its output array, allocates next to nothing, and may be called from several threads at
once: the CPU loops are single-threaded and release the GIL, because Numba's default threading layer aborts the
process when two threads enter it together. Import the submodules; ``kernels.gpu`` is the only one that loads CUDA.
"""
