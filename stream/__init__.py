"""Nightglass at run time: sources, synchronizer, registration, fusion, composition and sinks."""
