"""Wiring: threads for sources and sinks around the fusion stage. Only this package starts threads of the stream."""
