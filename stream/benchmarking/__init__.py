"""Measurements of this installation on this machine: engine, kernels, and whole conversions beside FFmpeg's."""
