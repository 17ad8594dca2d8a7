"""Weights of 2 and 8 bits: which layers, fake quantization while training, and the blocks in the file."""
