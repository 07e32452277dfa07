"""The simulated world behind ``sim:NAME``: what to simulate, when frames fall, and how each scene looks."""
