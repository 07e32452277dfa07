"""Automatic spatial calibration: the homography between two cameras of different kind, from their frames alone.

``structure`` turns pictures into what both kinds have in common, ``search`` finds candidates, ``windows`` and
``refine`` make them precise, ``score`` says how far to believe them, ``estimate`` puts these together. ``look``,
``watch`` and ``session`` watch a running pair. Pure: arrays in, a result out. Needs OpenCV, so live fusion imports
nothing here but in the thread that watches.
"""
