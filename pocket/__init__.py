"""Pocket: Galago's built-in model, and everything that makes it."""
