"""A quick start: no search for garbage while modules load; and one thread for NumPy's algebra.

Loading makes hundreds of thousands of objects that stay. Python's collector looks through them again and again in vain,
which takes a sixth of the time until the first frame; and later, while frames are due, whenever it looks at everything.
"""

from __future__ import annotations

import gc
import os


def one_thread_for_algebra() -> None:
    """Keep BLAS to one thread, if NumPy is not loaded yet and the user has not said otherwise.

    What is multiplied here is small, and BLAS lets its threads spin after each product, on processors fusion needs.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def hold_garbage() -> None:
    """Search no more, until ``release_garbage``."""
    gc.disable()


def release_garbage() -> None:
    """Search again, but not among what is there by now. Does nothing where no search was held up."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
