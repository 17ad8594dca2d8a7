"""Scores on frozen test data, of the model in torch or in the engine."""
