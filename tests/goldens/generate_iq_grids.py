"""Write src/quant/iq_grids.inc, the grids of ggml's IQ formats, from the Python package gguf's own data.

python tests/goldens/generate_iq_grids.py
"""

from pathlib import Path

import numpy as np
from gguf import quants

OUTPUT = Path(__file__).resolve().parents[2] / "src" / "quant" / "iq_grids.inc"
GRIDS = {
    "kIQ1_SGrid": quants.IQ1_S,
    "kIQ2_XXSGrid": quants.IQ2_XXS,
    "kIQ2_XSGrid": quants.IQ2_XS,
    "kIQ2_SGrid": quants.IQ2_S,
    "kIQ3_XXSGrid": quants.IQ3_XXS,
    "kIQ3_SGrid": quants.IQ3_S,
}
PER_LINE = 14


def packed_rows(codec: type) -> np.ndarray:
    """The rows of a grid as 16-bit words; checked against the package's own unpacking."""
    rows = np.frombuffer(bytes.fromhex(codec.grid_hex.decode("ascii")), dtype="<u2")
    count, width = codec.grid_shape
    bits = 16 // width
    levels = (rows[:, None] >> np.arange(0, 16, bits)) & ((1 << bits) - 1)
    codec.init_grid()
    expected = codec.grid.reshape(count, width)
    if not np.array_equal(np.array(codec.grid_map, dtype=np.float32)[levels], expected):
        raise ValueError(f"{codec.__name__}: the words do not unpack to the package's grid")
    return rows


def main() -> None:
    lines = ["// Written by tests/goldens/generate_iq_grids.py.", "// clang-format off"]
    for name, codec in GRIDS.items():
        rows = [f"0x{row:04x}," for row in packed_rows(codec)]
        lines.append(f"const std::uint16_t {name}[{len(rows)}] = {{")
        lines += ["    " + " ".join(rows[i : i + PER_LINE]) for i in range(0, len(rows), PER_LINE)]
        lines.append("};")
    lines.append("// clang-format on")
    OUTPUT.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
