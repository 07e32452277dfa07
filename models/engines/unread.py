"""The network for pictures of a video that are not read: steered by a code that is given, without a reader of its own.

In a video what the student reads in the frames is smoothed over a second, so it need not be read in every one; and the
reader of the code and of the kinds is a seventh of a frame's time.
"""

from __future__ import annotations

import openvino as ov
from openvino import opset13 as opset

from models.outputs import INPUTS

STEER = "followed"
"""Name of the input that stands in for the steer: float32 (1, code)."""

PICTURES = ("maps", "chroma_gain")
"""What is left of the outputs."""


def unread(network: ov.Model) -> ov.Model:
    """A copy of an exported network that takes packed lumas and a code, and gives ``PICTURES``."""
    network = network.clone()
    followed = network.output(STEER).get_node().input_value(0)
    given = opset.parameter(followed.get_partial_shape(), followed.get_element_type(), name=STEER)
    given.output(0).set_names({STEER})
    for taker in followed.get_target_inputs():
        taker.replace_source_output(given.output(0))
    results = [network.output(name).get_node() for name in PICTURES]
    return ov.Model(results, [network.input(INPUTS[0]).get_node(), given], network.get_friendly_name())
