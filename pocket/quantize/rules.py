"""Which weight takes how many bits."""

from __future__ import annotations

GROUP = 32  # input channels that share a scale, within one tap of a convolution

# Ends of the network, where an error goes straight to the answer.
EIGHT_BITS = (
    "reader.head",
    "line_head.out",
    "decoder.model.embed_tokens",
    "image_embed.fc2",
    "text_tower.projection",
)


def bits_of(layer: str, inputs: int, depthwise: bool = False) -> int:
    """2 or 8 for the layer of this name (without `.weight`), whose weight has `inputs` channels a tap."""
    if depthwise or layer in EIGHT_BITS or inputs % GROUP:
        return 8
    return 2
