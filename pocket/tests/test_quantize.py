"""The maths of 2 and 8 bits."""

from __future__ import annotations

import numpy as np
import torch

from pocket.model.blocks import Conv, Linear
from pocket.model.config import tiny_config
from pocket.model.pocket_model import PocketModel
from pocket.quantize import blocks, fake
from pocket.quantize.rules import bits_of


def test_two_bits_have_four_values_a_group() -> None:
    conv = Conv(64, 8, 3)
    quantizer = fake.TwoBits(conv.weight)
    w = quantizer(conv.weight).detach()
    group = w[3, 32:64, 1, 2]  # one tap, 32 inputs
    scale = quantizer.positive_scale()[3, 1, 0, 5].item()
    assert set((group / scale).round(decimals=4).tolist()) <= {-1.5, -0.5, 0.5, 1.5}
    other = quantizer.positive_scale()[3, 1, 0, 4].item()
    assert scale != other  # another tap, another scale


def test_gradient_passes_within_the_range_and_stops_outside() -> None:
    weight = torch.full((1, 32), 0.4)
    weight[0, 0] = 50.0
    quantizer = fake.TwoBits(weight)
    quantizer.scale.data.fill_(0.5)
    w = weight.clone().requires_grad_()
    quantizer(w).sum().backward()
    assert w.grad is not None
    assert w.grad[0, 1] == 1 and w.grad[0, 0] == 0
    # LSQ: (q - w/s) a weight inside, 1.5 for one beyond; divided by sqrt(32).
    expected = (31 * (0.5 - 0.8) + 1.5) * 32**-0.5
    assert quantizer.scale.grad is not None
    assert abs(quantizer.scale.grad.item() - expected) < 2e-2


def test_best_scale_beats_its_neighbours() -> None:
    torch.manual_seed(0)
    weight = torch.randn(4, 64)
    best = fake.best_scales(weight)
    groups = fake.grouped(weight)

    def error(scale: torch.Tensor) -> float:
        return float((fake.levels(groups / scale) * scale - groups).square().sum())

    assert error(best) <= min(error(best * 0.8), error(best * 1.25))


def test_q8_0_is_what_training_saw() -> None:
    weight = torch.randn(4, 64)
    rows = fake.file_rows(fake.EightBits()(weight)).numpy()
    from_file = blocks.decode_q8_0(blocks.encode_q8_0(weight.numpy()))
    assert np.abs(rows - from_file).max() < 2e-3 * np.abs(rows).max()


def test_q2_b_layout() -> None:
    codes = (np.arange(32, dtype=np.uint8) % 4)[None]
    data = blocks.encode_q2_b(codes, np.array([[0.5]], np.float32))
    assert data.shape == (1, 10)
    assert data[0, :2].view(np.float16)[0] == 0.5
    assert data[0, 2] == 0b11100100  # the first code in the lowest bits
    assert np.array_equal(blocks.split_q2_b(data)[0], codes)
    assert blocks.decode_q2_b(data)[0, :4].tolist() == [-0.75, -0.25, 0.25, 0.75]


def test_q2_b_scale_stays_positive() -> None:
    data = blocks.encode_q2_b(np.zeros((1, 32), np.uint8), np.array([[0.0]], np.float32))
    assert blocks.split_q2_b(data)[1][0, 0] > 0


def test_rules() -> None:
    assert bits_of("encoder.stages.0.0.a", 32) == 2
    assert bits_of("encoder.stem.1", 16) == 8
    assert bits_of("reader.local.0", 32, depthwise=True) == 8
    assert bits_of("decoder.model.embed_tokens", 256) == 8
    assert bits_of("reader.head", 256) == 8


def test_switching_on_reaches_every_layer() -> None:
    model = PocketModel(tiny_config())
    two = fake.switch_on(model)
    assert "encoder.stages.0.0.a.conv" in two and "encoder.stem.1.conv" not in two
    assert "decoder.model.layers.0.mlp.up_proj" in two
    assert all(m.quantizer is not None for m in model.modules() if isinstance(m, Linear | Conv))
    assert fake.is_on(model)
    fake.switch_off(model)
    assert not fake.is_on(model)
