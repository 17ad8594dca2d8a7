"""Writes tests/data/media: small PNG and JPEG files of every kind and what Pillow and transformers make of them.

    python tests/goldens/generate_media.py [--check]

Pillow is the reference for decoding and resizing, transformers' CLIPImageProcessorPil for preprocessing.
The pictures come from a generator of numbers that the C++ tests repeat, so most inputs need no file, and large
expectations are kept as 64-bit FNV-1a sums. --check compares with what is committed instead of writing.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

DATA = Path(__file__).resolve().parents[1] / "data" / "media"
Pixels = NDArray[np.uint8]

COLOR_TYPES = {"gray": 0, "rgb": 2, "palette": 3, "gray_alpha": 4, "rgba": 6}
CHANNELS = {"gray": 1, "rgb": 3, "palette": 1, "gray_alpha": 2, "rgba": 4}
DEPTHS = {"gray": (1, 2, 4, 8, 16), "rgb": (8, 16), "palette": (1, 2, 4, 8), "gray_alpha": (8, 16), "rgba": (8, 16)}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def fnv1a(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def noise(width: int, height: int, seed: int) -> Pixels:
    """Blocks of 4x4 random colours plus fine noise: edges, flat parts and texture. media_test_data.h repeats it."""
    y, x = np.mgrid[0:height, 0:width].astype(np.uint64)
    channels = []
    for channel in range(3):

        def mix(a: NDArray[np.uint64], b: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
            value = a * np.uint64(0x9E3779B1) + b * np.uint64(0x85EBCA77) + np.uint64(salt * 0xC2B2AE3D + seed)
            value &= np.uint64(0xFFFFFFFF)
            value ^= value >> np.uint64(15)
            value = (value * np.uint64(0x2C1B3C6D)) & np.uint64(0xFFFFFFFF)
            value ^= value >> np.uint64(12)
            return value >> np.uint64(8)

        block = mix(x // np.uint64(4), y // np.uint64(4), channel) & np.uint64(0xFF)
        fine = mix(x, y, channel + 3) & np.uint64(0x1F)
        channels.append(np.minimum(block + fine, np.uint64(255)).astype(np.uint8))
    return np.stack(channels, axis=-1)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_row(values: NDArray[np.int64], depth: int) -> bytes:
    """Samples of a row, most significant bit first."""
    if depth == 16:
        return values.astype(">u2").tobytes()
    bits = ((values[:, None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(bits.reshape(-1)).tobytes()


def filter_row(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    out = bytearray()
    for i, value in enumerate(row):
        left = row[i - step] if i >= step else 0
        up = above[i]
        corner = above[i - step] if i >= step else 0
        estimate = left + up - corner
        nearest = min((abs(estimate - left), 0, left), (abs(estimate - up), 1, up), (abs(estimate - corner), 2, corner))
        out.append((value - (0, left, up, (left + up) // 2, nearest[2])[kind]) & 0xFF)
    return bytes([kind]) + bytes(out)


def encode_png(
    samples: NDArray[np.int64],
    kind: str,
    depth: int,
    interlaced: bool = False,
    extra: bytes = b"",
    palette: bytes = b"",
    level: int = 9,
) -> bytes:
    """samples: [height, width, channels]. Pillow cannot write most kinds, so this does, with every row filter."""
    height, width, channels = samples.shape
    step = max(1, channels * depth // 8)
    raw = b""
    for x0, y0, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        part = samples[y0::dy, x0::dx]
        if part.shape[0] == 0 or part.shape[1] == 0:
            continue
        above = b""
        for y, values in enumerate(part):
            row = pack_row(values.reshape(-1), depth)
            raw += filter_row(y % 5, row, above or bytes(len(row)), step)
            above = row
    header = struct.pack(">IIBBBBB", width, height, depth, COLOR_TYPES[kind], 0, 0, int(interlaced))
    data = zlib.compress(raw, level)
    half = len(data) // 2  # two IDAT chunks: decoders must join them
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"PLTE", palette) if palette else b"")
        + extra
        + chunk(b"IDAT", data[:half])
        + chunk(b"IDAT", data[half:])
        + chunk(b"IEND", b"")
    )


def png_files() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    rng = np.random.default_rng(3)
    for kind, depths in DEPTHS.items():
        for depth in depths:
            for interlaced in (False, True):
                samples = rng.integers(0, 2**depth, (13, 19, CHANNELS[kind]))
                if kind == "gray" and depth == 16:
                    samples[:6] >>= 8  # values below 256 survive Pillow's clipping
                palette = b""
                if kind == "palette":
                    palette = rng.integers(0, 256, 3 * 2**depth, dtype=np.uint8).tobytes()
                name = f"{kind}{depth}{'_interlaced' if interlaced else ''}.png"
                files[name] = encode_png(samples, kind, depth, interlaced, palette=palette)
    small = rng.integers(0, 256, (5, 7, 3))
    first_color = struct.pack(">3H", *small[0, 0])
    files["rgb_transparent_color.png"] = encode_png(small, "rgb", 8, extra=chunk(b"tRNS", first_color))
    files["gray_transparent_color.png"] = encode_png(small[:, :, :1], "gray", 8, extra=chunk(b"tRNS", b"\0\x40"))
    colors = rng.integers(0, 256, 3 * 9, dtype=np.uint8).tobytes()
    indices = rng.integers(0, 9, (5, 7, 1))
    files["palette_transparent.png"] = encode_png(
        indices, "palette", 8, palette=colors, extra=chunk(b"tRNS", bytes(range(9)))
    )
    indices[2, 3] = 200
    files["palette_short.png"] = encode_png(indices, "palette", 8, palette=colors)
    files["gamma_profile.png"] = encode_png(
        small, "rgb", 8, extra=chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sRGB", b"\0")
    )
    files["one_pixel.png"] = encode_png(small[:1, :1], "rgb", 8)
    files["one_pixel_interlaced.png"] = encode_png(small[:1, :1], "rgb", 8, True)
    for name, data in (("exif_6", exif(6, "<")), ("exif_3_big_endian", exif(3, ">"))):
        files[f"{name}.png"] = encode_png(small, "rgb", 8, extra=chunk(b"eXIf", data))
    files["xmp_8.png"] = encode_png(small, "rgb", 8, extra=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(8)))
    return files


def exif(orientation: int, order: str) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    value = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    software = struct.pack(f"{order}HHI4s", 0x0131, 2, 4, b"abc\0")
    make = struct.pack(f"{order}HHI4s", 0x010F, 2, 4, b"xyz\0")
    return mark + struct.pack(f"{order}HIH", 42, 8, 3) + make + value + software + struct.pack(f"{order}I", 0)


def xmp(orientation: int) -> bytes:
    return f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'.encode()


def save_jpeg(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def jpeg_files() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    color = Image.fromarray(noise(37, 29, 11))
    for name, subsampling in (("444", "4:4:4"), ("422", "4:2:2"), ("420", "4:2:0")):
        for progressive in (False, True):
            files[f"color_{name}{'_progressive' if progressive else ''}.jpg"] = save_jpeg(
                color, quality=85, subsampling=subsampling, progressive=progressive
            )
    files["color_poor.jpg"] = save_jpeg(color, quality=15)
    files["color_restarts.jpg"] = save_jpeg(color, quality=70, restart_marker_blocks=2)
    files["color_as_rgb.jpg"] = save_jpeg(color, quality=85, keep_rgb=True)
    files["gray.jpg"] = save_jpeg(color.convert("L"), quality=85)
    files["gray_progressive.jpg"] = save_jpeg(color.convert("L"), quality=85, progressive=True)
    cmyk = save_jpeg(color.convert("CMYK"), quality=85)
    files["cmyk.jpg"] = cmyk
    adobe = cmyk.index(b"Adobe")
    files["ycck.jpg"] = cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]  # the Adobe marker's transform: 2 is YCCK
    files["one_pixel.jpg"] = save_jpeg(color.crop((0, 0, 1, 1)), quality=90)
    small = color.crop((0, 0, 11, 6))
    for orientation in range(1, 9):
        files[f"exif_{orientation}.jpg"] = save_jpeg(small, exif=b"Exif\0\0" + exif(orientation, "<>"[orientation % 2]))
    files["exif_9.jpg"] = save_jpeg(small, exif=b"Exif\0\0" + exif(9, "<"))
    files["xmp_6.jpg"] = save_jpeg(small, xmp=xmp(6))
    return files


def decode_cases() -> tuple[dict[str, bytes], list[dict[str, Any]], bytes]:
    files = {**png_files(), **jpeg_files()}
    cases: list[dict[str, Any]] = []
    blob = b""
    for name, data in sorted(files.items()):
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
        stored = Image.open(io.BytesIO(data)).convert("RGB")
        pixels = np.asarray(upright).tobytes()
        cases.append(
            {
                "file": name,
                "width": upright.width,
                "height": upright.height,
                "offset": len(blob),
                "stored_width": stored.width,
                "stored_fnv": fnv1a(np.asarray(stored).tobytes()),
            }
        )
        blob += pixels
    return files, cases, blob


SIZES = [
    ((1, 1), (7, 5)),
    ((2, 3), (1, 1)),
    ((17, 13), (17, 29)),
    ((17, 13), (5, 13)),
    ((31, 47), (32, 46)),
    ((64, 64), (63, 65)),
    ((97, 61), (13, 150)),
    ((97, 61), (224, 11)),
    ((101, 103), (50, 51)),
    ((333, 127), (84, 84)),
    ((640, 427), (336, 224)),
    ((55, 1200), (3, 1)),
    ((1201, 7), (100, 70)),
    ((23, 19), (230, 190)),
    ((5, 5), (5, 5)),
    ((1000, 3), (7, 3)),
    ((300, 700), (224, 522)),
    ((301, 907), (84, 253)),
    ((90, 400), (90, 31)),
    ((3, 900), (3, 11)),
    ((1031, 773), (299, 224)),
]


def resize_cases() -> list[dict[str, Any]]:
    cases = []
    for (width, height), target in SIZES:
        image = Image.fromarray(noise(width, height, width + height))
        for method in list(Image.Resampling)[:6]:  # Pillow 13 knows two more, which no checkpoint names
            sums = fnv1a(np.asarray(image.resize(target, method)).tobytes())
            cases.append({"from": [width, height], "to": list(target), "filter": int(method), "fnv": sums})
    return cases


def expand_to_square(image: Image.Image, color: tuple[int, ...]) -> Image.Image:
    side = max(image.size)
    square = Image.new("RGB", (side, side), color)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def processor_cases() -> list[dict[str, Any]]:
    clip: dict[str, Any] = {
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "resample": 3,
        "image_mean": CLIP_MEAN,
        "image_std": CLIP_STD,
        "crop_size": 56,
        "size": 56,
    }
    new_style = {
        "crop_size": {"height": 48, "width": 40},
        "size": {"shortest_edge": 50},
        "do_rescale": True,
        "rescale_factor": 0.00392156862745098,
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
    }
    configs: list[dict[str, Any]] = [
        clip,
        {**clip, **new_style},
        {**clip, "crop_size": 80},
        {**clip, "crop_size": {"height": 20, "width": 90}},
        {**clip, "size": {"height": 33, "width": 47}, "do_center_crop": False, "resample": 2},
        {**clip, "do_resize": False, "crop_size": 31},
        {**clip, "do_normalize": False, "resample": 1},
        {**clip, "do_rescale": False, "resample": 0},
        {**clip, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "rescale_factor": 0.0078125},
    ]
    cases = []
    for config in configs:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "preprocessor_config.json").write_text(json.dumps(config))
            processor = CLIPImageProcessorPil.from_pretrained(folder)
        for width, height in ((83, 61), (61, 83), (57, 57), (300, 21)):
            for pad in (False, True):
                image = Image.fromarray(noise(width, height, 5))
                if pad:
                    image = expand_to_square(image, tuple(int(x * 255) for x in config["image_mean"]))
                values = processor(image, return_tensors="np")["pixel_values"][0].astype("<f4")
                cases.append(
                    {
                        "config": config,
                        "width": width,
                        "height": height,
                        "pad_to_square": pad,
                        "shape": list(values.shape),
                        "fnv": fnv1a(np.ascontiguousarray(values).tobytes()),
                        "sum": float(values.sum(dtype=np.float64)),
                    }
                )
    return cases


def build() -> dict[str, bytes]:
    files, decode, blob = decode_cases()
    expected = {
        "noise_fnv": fnv1a(noise(37, 29, 11).tobytes()),
        "decode": decode,
        "resize": resize_cases(),
        "process": processor_cases(),
    }
    lines = []
    for key, value in expected.items():
        rows = [json.dumps(row) for row in value] if isinstance(value, list) else []
        text = "[\n    " + ",\n    ".join(rows) + "\n  ]" if rows else json.dumps(value)
        lines.append(f'  "{key}": {text}')
    return {**files, "decoded.bin": blob, "expected.json": ("{\n" + ",\n".join(lines) + "\n}\n").encode()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed files")
    check = parser.parse_args().check
    files = build()
    DATA.mkdir(parents=True, exist_ok=True)
    differing = []
    for name, data in files.items():
        path = DATA / name
        if check:
            if not path.is_file() or path.read_bytes() != data:
                differing.append(name)
        else:
            path.write_bytes(data)
    print(f"{len(files)} files, {sum(map(len, files.values()))} bytes; differing: {', '.join(differing) or 'none'}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
