"""What an exported trunk takes and gives, by name: exporter and engines must agree. Importable without torch."""

INPUTS = ("packed", "steer")
"""``packed``: float32 (1, h, w, 32), as ``kernels.maps.pack_lumas`` writes it; ``steer``: float32 (1, code + 1), see
``models.steering.steer_of``."""

OUTPUTS = ("maps", "chroma_gain", "severity", "code", "followed")
"""``maps``: float32 (1, h, w, 12), as ``kernels.maps.apply_maps`` takes them. ``chroma_gain``: float32
(1, h/2, w/2, 1), 0..4. ``severity``: float32 (1, kinds), probabilities in the order of ``models.prior.KIND_NAMES``.
``code``: float32 (1, code), the picture's own. ``followed``: float32 (1, code), what the fusion is steered by; an
engine puts a code of its own in its place for pictures that are not to be read (``models.engines.unread``).

h and w are those of the packed input, a quarter of the padded picture's. Features are last in the OpenVINO files; in
ONNX files they are second.
"""

CHROMA_FACTOR = 8
"""The chroma gain comes at 1/8 resolution."""
