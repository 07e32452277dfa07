"""A quick start: no search for garbage while modules load.

Loading makes hundreds of thousands of objects that stay. Python's collector looks through them again and again in vain,
which takes a sixth of the time until the first frame; and later, while frames are due, whenever it looks at everything.
"""

from __future__ import annotations

import gc


def hold_garbage() -> None:
    """Search no more, until ``release_garbage``."""
    gc.disable()


def release_garbage() -> None:
    """Search again, but not among what is there by now. Does nothing where no search was held up."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
