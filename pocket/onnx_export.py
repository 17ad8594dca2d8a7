"""The model's parts as ONNX files, each run by onnxruntime beside torch."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pocket.model.decoder import causal_mask
from pocket.model.pocket_model import PocketModel
from pocket.quantize import fake

OPSET = 18
TOLERANCE = 1e-3  # of the output's deviation


class See(nn.Module):
    def __init__(self, model: PocketModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.model.tokens(self.model.encoder.see(self.model.encoder.trunk(pixels)))
        return tokens, self.model.image_embed(tokens)


class Lines(nn.Module):
    def __init__(self, model: PocketModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model.line_head(self.model.encoder.read(self.model.encoder.trunk(pixels)))


class Text(nn.Module):
    def __init__(self, model: PocketModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        return self.model.embed_text(ids, torch.ones_like(ids, dtype=torch.bool))


class Decode(nn.Module):
    """Logits of every row, the picture's and the text's."""

    def __init__(self, model: PocketModel) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, image_tokens: Tensor, ids: Tensor) -> Tensor:
        rows = torch.cat([image_tokens, self.decoder.embed(ids)], 1)
        positions = torch.arange(rows.shape[1])[None]
        return self.decoder.score(self.decoder.hidden(rows, positions, causal_mask(rows.shape[1])))


def _bake(model: nn.Module) -> None:
    """Quantized values in place of the weights that they came from."""
    for module in model.modules():
        quantizer = getattr(module, "quantizer", None)
        if quantizer is not None:
            module.weight.data.copy_(module.effective_weight().data)  # type: ignore[union-attr,operator]
    fake.switch_off(model)


def export_onnx(model: PocketModel, folder: Path) -> dict[Path, float]:
    """The files, and each one's largest difference from torch."""
    folder.mkdir(parents=True, exist_ok=True)
    model = model.cpu().eval()
    _bake(model)
    size, height = model.config.image_size, model.config.reader.height
    pixels = torch.rand(1, 3, size, size) * 2 - 1
    ids = torch.randint(80, model.config.decoder.vocabulary_size, (1, 7))
    with torch.no_grad():
        tokens, _ = See(model)(pixels)
    text = {1: torch.export.Dim("tokens", min=2, max=256)}
    width = {3: 8 * torch.export.Dim("columns", min=2, max=256)}
    parts: dict[str, tuple[nn.Module, tuple[Tensor, ...], list[str], list[str], Any]] = {
        "see": (See(model), (pixels,), ["pixels"], ["image_tokens", "image_embed"], None),
        "lines": (Lines(model), (pixels,), ["pixels"], ["line_map"], None),
        "reader": (model.reader, (torch.rand(1, 1, height, 160) * 2 - 1,), ["strip"], ["logits"], ({3: width[3]},)),
        "decoder": (Decode(model), (tokens, ids), ["image_tokens", "ids"], ["logits"], ({}, text)),
        "text": (Text(model), (ids,), ["ids"], ["text_embed"], (text,)),
    }
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    errors = {}
    for name, (module, inputs, input_names, output_names, shapes) in parts.items():
        path = folder / f"{name}.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                inputs,
                str(path),
                input_names=input_names,
                output_names=output_names,
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
        errors[path] = check(path, module, _other_sizes(name, inputs), input_names)
    return errors


def _other_sizes(name: str, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Not the sizes that the export saw, where they may differ."""
    if name == "reader":
        return (torch.rand(1, 1, inputs[0].shape[2], 72) * 2 - 1,)
    if name in ("decoder", "text"):
        return (*inputs[:-1], inputs[-1][:, :5])
    return inputs


@torch.no_grad()
def check(path: Path, module: nn.Module, inputs: tuple[Tensor, ...], names: list[str]) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})
    wanted = module(*inputs)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    error = max(
        float(np.abs(f - w.numpy()).max() / (w.std().item() + 1e-9)) for f, w in zip(found, wanted, strict=True)
    )
    if not error < TOLERANCE:
        raise ValueError(f"{path}: onnxruntime differs from torch by {error:.2g} of the deviation")
    return error
