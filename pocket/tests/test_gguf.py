"""pocket.gguf: written, read back, parsed by gguf-py, and trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pocket.dump_stages import main as dump
from pocket.dump_stages import random_model
from pocket.gguf_model import config_of, read_model, recalibrate, write_model
from pocket.gguf_tokenizer import CHAT_TEMPLATE, EOS, SPECIAL_TOKENS, byte_tokenizer
from pocket.gguf_writer import Q2_B, Q8_0, read_gguf, write_gguf
from pocket.model.pocket_model import PocketModel
from pocket.quantize import fake


@pytest.fixture(scope="module")
def model() -> PocketModel:
    return random_model("tiny", 3)


def difference(a: PocketModel, b: PocketModel) -> float:
    x, strip = torch.rand(1, 3, 224, 224) * 2 - 1, torch.rand(1, 1, 32, 64) * 2 - 1
    with torch.no_grad():
        pairs = [
            (
                m.tokens(m.encoder.see(m.encoder.trunk(x))),
                m.line_head(m.encoder.read(m.encoder.trunk(x))),
                m.reader(strip),
            )
            for m in (a, b)
        ]
    return max(float((p - q).abs().max() / q.std()) for p, q in zip(*pairs, strict=True))


def test_floats_come_back_equal(model: PocketModel, tmp_path: Path) -> None:
    write_model(model, tmp_path / "m.gguf", "f32")
    back, weights = read_model(tmp_path / "m.gguf")
    assert weights == "f32" and back.config == model.config
    assert difference(back, model) < 1e-4


def test_two_bits_come_back_equal(model: PocketModel, tmp_path: Path) -> None:
    fake.switch_on(model)
    write_model(model, tmp_path / "a.gguf", "int2")
    back, _ = read_model(tmp_path / "a.gguf")
    assert difference(back, model) < 0.02  # scales are f16 in the file
    write_model(back, tmp_path / "b.gguf", "int2")
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()
    fake.switch_off(back)  # the file's values stay, without the quantizer
    assert difference(back, read_model(tmp_path / "a.gguf")[0]) < 1e-6
    fake.switch_off(model)


def test_negative_factors_mirror_the_codes(model: PocketModel, tmp_path: Path) -> None:
    assert bool((model.encoder.stages[0][0].a.norm.weight < 0).any())
    fake.switch_on(model)
    write_model(model, tmp_path / "m.gguf", "int2")
    fake.switch_off(model)
    tensor = read_gguf(tmp_path / "m.gguf")[1]["encoder.stages.0.0.a.weight"]
    assert tensor.type == Q2_B and tensor.shape == (32, 288)
    assert bool((tensor.data.reshape(-1, 10)[:, :2].copy().view(np.float16) > 0).all())


def test_gguf_py_reads_it(model: PocketModel, tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    write_model(model, tmp_path / "m.gguf", "q8_0")
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    ours = read_gguf(tmp_path / "m.gguf")
    theirs = {t.name: t for t in reader.tensors}
    assert set(theirs) == set(ours[1])
    name = "encoder.stages.0.0.a.weight"
    assert theirs[name].tensor_type == Q8_0
    assert np.array_equal(theirs[name].data.reshape(-1), ours[1][name].data)
    assert reader.fields["general.architecture"].contents() == "pocket"
    assert reader.fields["pocket.encoder.stem"].contents() == [8, 32]
    assert reader.fields["tokenizer.ggml.tokens"].contents() == ours[0]["tokenizer.ggml.tokens"]
    assert config_of(ours[0]) == model.config


def test_hostile_files_are_refused(tmp_path: Path) -> None:
    write_gguf(tmp_path / "m.gguf", {"a": 1, "b": [1, -2], "c": "x", "d": [0.5]}, {})
    assert read_gguf(tmp_path / "m.gguf")[0] == {"a": 1, "b": [1, -2], "c": "x", "d": [0.5]}
    data = (tmp_path / "m.gguf").read_bytes()
    (tmp_path / "cut.gguf").write_bytes(data[:40])
    with pytest.raises(ValueError, match="ends at byte 40"):
        read_gguf(tmp_path / "cut.gguf")
    (tmp_path / "no.gguf").write_bytes(b"nope" + data[4:])
    with pytest.raises(ValueError, match="not a GGUF file"):
        read_gguf(tmp_path / "no.gguf")


def test_recalibrated_norms_compute_the_same(model: PocketModel, tmp_path: Path) -> None:
    write_model(model, tmp_path / "m.gguf", "f32")
    back, _ = read_model(tmp_path / "m.gguf")
    x = torch.rand(16, 1, 32, 64) * 2 - 1
    before = back.reader(x)
    recalibrate(back.reader, [(x,)])
    assert torch.allclose(back.reader(x), before, atol=1e-4)
    # In training mode the same batch gives the same numbers: the first step begins where the file ended.
    assert torch.allclose(back.reader.train()(x), before, atol=1e-3)


def test_stages_are_dumped(tmp_path: Path) -> None:
    dump(["--random", "tiny", "--out", str(tmp_path)])
    assert (tmp_path / "pocket.gguf").is_file() and (tmp_path / "image_0.png").is_file()
    from safetensors.numpy import load_file

    found = load_file(tmp_path / "expected.safetensors")
    assert found["line_map"].shape == (1, 5, 56, 56)
    assert found["logits"].shape[0] == 49 + len(found["input_ids"])


def test_template_and_tokens() -> None:
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Template(CHAT_TEMPLATE)
    picture = {"type": "image"}
    assert template.render(messages=[{"role": "user", "content": [picture]}]) == "<image><caption>"
    asked = [picture, {"type": "text", "text": " What Is it? "}]
    assert template.render(messages=[{"role": "user", "content": asked}]) == "<image><ask> what is it?<answer>"
    vocabulary = byte_tokenizer()["model"]["vocab"]
    assert [vocabulary[t] for t in SPECIAL_TOKENS] == list(range(73)) and vocabulary["<eos>"] == EOS


def test_the_committed_vocabulary_has_these_tokens() -> None:
    from pocket import vocabulary
    from pocket.gguf_tokenizer import TASK_TOKENS, load_tokenizer
    from pocket.model.config import named_config
    from pocket.training.build_see import encoder_of

    assert tuple(vocabulary.TASKS) == TASK_TOKENS and vocabulary.EOS == EOS
    entries = load_tokenizer(2048)["model"]["vocab"]
    assert [entries[t] for t in SPECIAL_TOKENS] == list(range(73))
    encode = encoder_of(named_config("pocket-s"))
    for text in (" a red apple", "<eos>", " x < y <caption>"):
        assert encode(text) == vocabulary.encode(text)
        assert not set(encode(text)) & set(range(73))
