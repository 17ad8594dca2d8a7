"""The model as pocket.gguf and back: BatchNorm folded into convolutions, learned 2-bit scales as they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pocket.gguf_tokenizer import load_tokenizer, tokenizer_metadata
from pocket.gguf_writer import F16, F32, Q2_B, Q8_0, GgufTensor, read_gguf, tensor_of, write_gguf
from pocket.model.blocks import Conv, ConvBn, DepthwiseConv1d, has_quantizer
from pocket.model.config import (
    DecoderConfig,
    EncoderConfig,
    LineHeadConfig,
    PocketConfig,
    ReaderConfig,
)
from pocket.model.pocket_model import PocketModel
from pocket.quantize import blocks
from pocket.quantize.fake import TwoBits, best_scales, file_rows, from_file_rows, grouped
from pocket.quantize.rules import GROUP, bits_of

WEIGHTS = ("f32", "f16", "q8_0", "int2")
LICENSE = "mit"


def config_metadata(config: PocketConfig) -> dict[str, Any]:
    """`pocket.*`. Sizes that a tensor's shape says are said all the same: they are checked against each other."""
    out: dict[str, Any] = {"pocket.image_size": config.image_size}
    for part in ("encoder", "line_head", "reader", "decoder"):
        for key, value in dataclasses.asdict(getattr(config, part)).items():
            out[f"pocket.{part}.{key}"] = list(value) if isinstance(value, tuple) else value
    out["pocket.embedding_size"] = config.embedding_size
    out["pocket.location_bins"] = config.location_bins
    return out


def config_of(metadata: dict[str, Any]) -> PocketConfig:
    data: dict[str, Any] = {}
    for part, kind in (
        ("encoder", EncoderConfig),
        ("line_head", LineHeadConfig),
        ("reader", ReaderConfig),
        ("decoder", DecoderConfig),
    ):
        found = {f.name: metadata[f"pocket.{part}.{f.name}"] for f in dataclasses.fields(kind)}
        # 1e-5 comes back from 32 bits as 9.999999747e-6.
        data[part] = {k: float(f"{v:.7g}") if isinstance(v, float) else v for k, v in found.items()}
    for key in ("image_size", "embedding_size", "location_bins"):
        data[key] = metadata[f"pocket.{key}"]
    return PocketConfig.from_dict(data)


def _fold(module: ConvBn) -> tuple[Tensor, Tensor]:
    """What each output channel is multiplied with, and the bias."""
    norm = module.norm
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return factor, norm.bias - norm.running_mean * factor


def _two_bit(weight: Tensor, quantizer: TwoBits | None, factor: Tensor | None) -> GgufTensor:
    """Codes and scales. A channel that BatchNorm multiplies with a negative number has its codes mirrored."""
    scale = quantizer.positive_scale() if quantizer is not None else best_scales(weight)
    codes = ((grouped(weight) / scale).clamp(-1.999, 1.999).floor() + 2).to(torch.uint8)
    if factor is not None:
        shape = (-1, 1, 1, 1)
        codes = torch.where(factor.view(shape) < 0, 3 - codes, codes)
        scale = scale * factor.abs().view(shape)
    out = weight.shape[0]
    # (out, groups, 32, taps) to rows of (taps, groups * 32).
    rows = codes.permute(0, 3, 1, 2).reshape(out, -1).numpy()
    scales = scale.permute(0, 3, 1, 2).reshape(out, -1).numpy()
    data = blocks.encode_q2_b(np.ascontiguousarray(rows), scales)
    return GgufTensor(Q2_B, rows.shape, data.reshape(-1))


def _weight_tensor(layer: str, module: nn.Module, factor: Tensor | None, weights: str) -> GgufTensor:
    weight: Tensor = module.weight.detach().float()  # type: ignore[union-attr,operator]
    depthwise = isinstance(module, DepthwiseConv1d)
    if weights == "int2" and bits_of(layer, weight.shape[1], depthwise) == 2:
        quantizer = module.quantizer if isinstance(module.quantizer, TwoBits) else None
        return _two_bit(weight, quantizer, factor)
    weight = module.effective_weight().detach().float()  # type: ignore[operator]
    if factor is not None:
        weight = weight * factor.view(-1, *[1] * (weight.ndim - 1))
    rows = weight.reshape(weight.shape[0], -1) if depthwise else file_rows(weight)
    values = rows.contiguous().numpy()
    if weights == "f32":
        return tensor_of(F32, values)
    if weights == "f16" or depthwise or values.shape[1] % GROUP:
        return tensor_of(F16, values)
    return tensor_of(Q8_0, values)


@torch.no_grad()
def model_tensors(model: PocketModel, weights: str) -> dict[str, GgufTensor]:
    """Of a trained model, in the order of its modules."""
    tensors: dict[str, GgufTensor] = {}
    covered: set[str] = set()
    for name, module in model.named_modules():
        if isinstance(module, ConvBn):
            factor, bias = _fold(module)
            tensors[f"{name}.weight"] = _weight_tensor(name, module.conv, factor, weights)
            tensors[f"{name}.bias"] = tensor_of(F32, bias.numpy())
            covered.add(name)
        elif has_quantizer(module) and name.rpartition(".")[0] not in covered:
            tensors[f"{name}.weight"] = _weight_tensor(name, module, None, weights)
            if getattr(module, "bias", None) is not None:
                tensors[f"{name}.bias"] = tensor_of(F32, module.bias.detach().numpy())
            covered.add(name)
    for name, parameter in model.named_parameters():
        owner = name.rpartition(".")[0]
        if (
            ".quantizer." in name
            or name.startswith("cell_heads.")
            or any(o in covered for o in (owner, owner.rpartition(".")[0]))
        ):
            continue
        values = parameter.detach().float().numpy()
        tensors[name] = tensor_of(F32, values.reshape(values.shape or (1,)))
    return tensors


def write_model(
    model: PocketModel, path: Path | str, weights: str = "int2", notes: dict[str, Any] | None = None
) -> None:
    """`notes` are further metadata."""
    if not (model.has_reader and model.has_rest):
        raise ValueError("pocket.gguf holds the reader and the rest: this model has one of them alone")
    model = model.cpu()
    tokenizer = load_tokenizer(model.config.decoder.vocabulary_size)
    metadata: dict[str, Any] = {
        "general.architecture": "pocket",
        "general.name": "Pocket",
        "general.license": LICENSE,
        "general.alignment": 32,
        "pocket.weights": weights,
        **config_metadata(model.config),
        **tokenizer_metadata(tokenizer),
        **(notes or {}),
    }
    write_gguf(path, metadata, model_tensors(model, weights))


def read_model(path: Path | str) -> tuple[PocketModel, str]:
    """The model, and how its weights are kept. BatchNorms come back as plain biases: see recalibrate()."""
    metadata, tensors = read_gguf(path)
    model = PocketModel(config_of(metadata))
    rest = dict(tensors)

    def take(name: str, shape: torch.Size) -> Tensor:
        if name not in rest:
            raise ValueError(f"{path}: tensor {name} is missing")
        values = torch.from_numpy(np.array(rest.pop(name).floats()))
        return from_file_rows(values, shape) if len(shape) == 4 else values.reshape(shape)

    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, ConvBn):
                module.norm.running_var.fill_(1 - module.norm.eps)
                module.norm.bias.copy_(take(f"{name}.bias", module.norm.bias.shape))
                tensor = tensors.get(f"{name}.weight")
                module.conv.weight.copy_(take(f"{name}.weight", module.conv.weight.shape))
                _restore_scale(module.conv, tensor)
        for name, parameter in model.named_parameters():
            if name.endswith((".conv.weight", ".quantizer.scale")) or _is_folded_norm(model, name):
                continue
            tensor = tensors.get(name)
            parameter.copy_(take(name, parameter.shape))
            owner = model.get_submodule(name.rpartition(".")[0])
            if name.endswith(".weight"):
                _restore_scale(owner, tensor)
    if rest:
        raise ValueError(f"{path}: unknown tensor {next(iter(rest))}")
    return model.eval(), metadata.get("pocket.weights", "int2")


def _is_folded_norm(model: nn.Module, name: str) -> bool:
    owner = name.rpartition(".")[0]
    return isinstance(model.get_submodule(owner.rpartition(".")[0]), ConvBn)


def _restore_scale(module: nn.Module, tensor: GgufTensor | None) -> None:
    """The learned scale of a 2-bit weight: with it the quantizer gives back the file's values exactly."""
    if tensor is None or tensor.type != Q2_B or not has_quantizer(module):
        return
    _, scales = blocks.split_q2_b(tensor.data.reshape(tensor.shape[0], -1))
    out, inputs = module.weight.shape[:2]  # type: ignore[union-attr]
    quantizer = TwoBits(module.weight)  # type: ignore[arg-type]
    stacked = torch.from_numpy(scales).reshape(out, -1, inputs // GROUP, 1)
    quantizer.scale.data.copy_(stacked.permute(0, 2, 3, 1))
    module.quantizer = quantizer


@torch.no_grad()
def recalibrate(part: nn.Module, batches: list[tuple[Any, ...]]) -> None:
    """Gives folded BatchNorms statistics again, from data, without changing what the network computes.

    A file holds convolutions with biases. To train on, each norm must divide by the deviation of its input and multiply
    with the same number, so that the first step in training mode begins where the file ended.
    """
    sums: dict[ConvBn, list[Tensor]] = {}

    def watch(module: nn.Module, _: Any, output: Tensor) -> None:
        owner = owners[module]
        mean, square = output.mean((0, 2, 3)), output.square().mean((0, 2, 3))
        total = sums.setdefault(owner, [torch.zeros_like(mean), torch.zeros_like(mean), torch.zeros(())])
        total[0] += mean
        total[1] += square
        total[2] += 1

    owners: dict[nn.Module, ConvBn] = {m.conv: m for m in part.modules() if isinstance(m, ConvBn)}
    hooks = [conv.register_forward_hook(watch) for conv in owners if isinstance(conv, Conv)]
    was_training = part.training
    part.eval()
    for batch in batches:
        part(*batch)
    for hook in hooks:
        hook.remove()
    part.train(was_training)
    for module, (mean, square, count) in sums.items():
        norm = module.norm
        factor, bias = _fold(module)
        mean, variance = mean / count, square / count - (mean / count).square()
        variance = variance.clamp_min(1e-8)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(factor * torch.sqrt(variance + norm.eps))
        norm.bias.copy_(bias + mean * factor)
