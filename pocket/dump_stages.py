"""Writes what each stage of an exported model computes, in float32, for an engine to compare with.

    python -m pocket.dump_stages --random tiny --out DIR      a small random model, exported to DIR/pocket.gguf first
    python -m pocket.dump_stages --model pocket.gguf --out DIR --image a.png
DIR then holds image_0.png, manifest.json and expected.safetensors, whose tensors are listed in manifest.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from safetensors.numpy import save_file
from torch import Tensor, nn

from pocket.gguf_model import WEIGHTS, read_model, write_model
from pocket.gguf_tokenizer import CAPTION, EMBED, EOS, FIRST_LOCATION
from pocket.model.blocks import ConvBn
from pocket.model.config import named_config
from pocket.model.decoder import RmsNorm, causal_mask
from pocket.model.pocket_model import PocketModel
from pocket.quantize.fake import switch_off

STRIP_WIDTHS = (32, 72, 320)
TEXT_IDS = 6
GREEDY = 12


def random_model(name: str, seed: int) -> PocketModel:
    """Random weights with norms that matter: means, deviations, negative factors, biases."""
    torch.manual_seed(seed)
    model = PocketModel(named_config(name))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.3)
            module.weight.data[::7] *= -1
            nn.init.normal_(module.bias, 0.0, 0.2)
        elif isinstance(module, nn.LayerNorm | RmsNorm):
            nn.init.normal_(module.weight, 1.0, 0.2)
            if isinstance(module, nn.LayerNorm):
                nn.init.normal_(module.bias, 0.0, 0.2)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, 0.0, 0.3)
    # A few batches in training mode fill the running statistics.
    model.train()
    size = model.config.image_size
    with torch.no_grad():
        for _ in range(40):
            trunk = model.encoder.trunk(torch.rand(2, 3, size, size) * 2 - 1)
            model.line_head(model.encoder.read(trunk))
            model.reader(torch.rand(2, 1, model.config.reader.height, 64) * 2 - 1)
    return model.eval()


def drawn_picture() -> Image.Image:
    """Not square, so that squashing is seen; shapes, a ramp and a line of writing."""
    ramp = np.linspace(40, 220, 300)[None, :, None] * np.array([1.0, 0.8, 0.6]) * np.ones((200, 1, 1))
    image = Image.fromarray(ramp.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.ellipse((30, 40, 120, 130), fill=(200, 30, 40))
    draw.rectangle((170, 90, 260, 180), fill=(30, 60, 200))
    draw.text((40, 160), "galago 17", fill=(0, 0, 0))
    return image


def pixels(image: Image.Image, size: int) -> Tensor:
    """Squashed to a square, values -1 to 1."""
    small = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(small, np.float32).transpose(2, 0, 1) / 127.5 - 1)[None]


def strips(image: Image.Image, height: int) -> dict[int, Tensor]:
    """Grey strips of several widths, cut and scaled from the picture."""
    out = {}
    for width in STRIP_WIDTHS:
        grey = image.convert("L").crop((20, 150, 20 + max(60, width), 185)).resize((width, height))
        out[width] = torch.from_numpy(np.asarray(grey, np.float32) / 127.5 - 1)[None, None]
    return out


@torch.no_grad()
def decode_rows(model: PocketModel, image_rows: Tensor, ids: Tensor) -> Tensor:
    """Logits of every row: the picture's, then the ids'."""
    rows = torch.cat([image_rows, model.decoder.embed(ids)], 1)
    positions = torch.arange(rows.shape[1])[None]
    return model.decoder.score(model.decoder.hidden(rows, positions, causal_mask(rows.shape[1])))


@torch.no_grad()
def stages(model: PocketModel, image: Image.Image, seed: int) -> dict[str, Tensor]:
    c = model.config
    out: dict[str, Tensor] = {"pixel_values": pixels(image, c.image_size)}
    trunk = model.encoder.trunk(out["pixel_values"])
    see, read = model.encoder.see(trunk), model.encoder.read(trunk)
    for i, m in enumerate(see):
        out[f"see_map_{i}"] = m
    out["read_map_3"] = read[3]
    out["line_map"] = model.line_head(read)
    out["image_tokens"] = model.tokens(see)
    out["image_embed"] = model.image_embed(out["image_tokens"])

    generator = torch.Generator().manual_seed(seed)
    first_piece = FIRST_LOCATION + c.location_bins
    text = torch.randint(first_piece, c.decoder.vocabulary_size, (1, TEXT_IDS), generator=generator)
    prompt = torch.cat([torch.tensor([[CAPTION]]), text], 1)
    out["input_ids"] = prompt[0]
    out["logits"] = decode_rows(model, out["image_tokens"], prompt)[0]
    greedy = torch.tensor([[CAPTION]])
    margins = []
    for _ in range(GREEDY):
        scores = decode_rows(model, out["image_tokens"], greedy)[0, -1]
        top = scores.topk(2).values
        margins.append((top[0] - top[1]).item())
        greedy = torch.cat([greedy, scores.argmax().view(1, 1)], 1)
    out["greedy_ids"] = greedy[0, 1:]
    out["greedy_margin"] = torch.tensor([min(margins)])
    out["text_ids"] = torch.cat([torch.tensor([[EMBED]]), text], 1)[0]
    out["text_embed"] = model.embed_text(out["text_ids"][None], torch.ones(1, TEXT_IDS + 1, dtype=torch.bool))
    for width, strip in strips(image, c.reader.height).items():
        out[f"strip_{width}"] = strip
        out[f"reader_logits_{width}"] = model.reader(strip)[0]
    return out


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="a pocket.gguf")
    source.add_argument("--random", metavar="CONFIG", help="a random model of this configuration: tiny, pocket-s, FILE")
    parser.add_argument("--weights", choices=WEIGHTS, default="int2", help="of a random model's file")
    parser.add_argument("--image", type=Path, help="a picture; without it one is drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    a = parser.parse_args(arguments)
    a.out.mkdir(parents=True, exist_ok=True)
    file: Path = a.model
    if a.random:
        file = a.out / "pocket.gguf"
        write_model(random_model(a.random, a.seed), file, a.weights)
    # What the file holds, not what it was made from: an engine sees nothing else.
    model, weights = read_model(file)
    switch_off(model)
    for module in model.modules():
        assert not isinstance(module, ConvBn) or not module.training
    image = Image.open(a.image) if a.image else drawn_picture()
    image.convert("RGB").save(a.out / "image_0.png")
    tensors: dict[str, NDArray[np.generic]] = {
        name: np.ascontiguousarray(t.numpy()) for name, t in stages(model, image, a.seed).items()
    }
    save_file(tensors, a.out / "expected.safetensors")
    manifest = {
        "architecture": "pocket",
        "seed": a.seed,
        "source": f"pocket.dump_stages, weights {weights}, computed in float32 from the file's values",
        "stages": {name: list(t.shape) for name, t in tensors.items()},
        "min_greedy_margin": float(tensors.pop("greedy_margin")[0]),
        "logits_std": float(np.std(tensors["logits"])),
        "eos": EOS,
    }
    (a.out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
