"""The network: sizes, routing, and equality with transformers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pocket.model.config import PocketConfig, tiny_config
from pocket.model.decoder import causal_mask
from pocket.model.pocket_model import PocketModel
from pocket.training import sequences


def test_config_survives_yaml(tmp_path: Path) -> None:
    config = tiny_config()
    config.save(tmp_path / "tiny.yaml")
    assert PocketConfig.load(tmp_path / "tiny.yaml") == config


def test_config_refuses_unknown_fields() -> None:
    with pytest.raises(ValueError, match=r"config\.encoder: unknown field 'width'"):
        PocketConfig.from_dict({"encoder": {"width": 3}})


def test_committed_config_is_the_default() -> None:
    committed = PocketConfig.load(Path(__file__).parents[1] / "configs" / "pocket-s.yaml")
    assert committed == PocketConfig().with_characters()


def test_shapes(tiny: PocketModel) -> None:
    trunk = tiny.encoder.trunk(torch.zeros(2, 3, 224, 224))
    see, read = tiny.encoder.see(trunk), tiny.encoder.read(trunk)
    assert [tuple(m.shape[1:]) for m in see] == [(32, 56, 56), (32, 28, 28), (32, 14, 14), (64, 7, 7)]
    lines = tiny.line_head(read)
    assert lines.shape == (2, 5, 56, 56)
    assert bool((lines[:, 1:3] >= 0).all())
    assert tiny.tokens(see).shape == (2, 49, 64)
    assert tiny.reader(torch.zeros(1, 1, 32, 72)).shape == (1, 18, tiny.config.reader.classes)
    assert torch.allclose(tiny.image_embed(tiny.tokens(see)).norm(dim=-1), torch.ones(2))


def test_each_path_uses_its_own_expert(tiny: PocketModel) -> None:
    x = torch.rand(1, 3, 224, 224)
    trunk = tiny.encoder.trunk(x)
    see, read = tiny.encoder.see(trunk)[-1].clone(), tiny.encoder.read(trunk)[-1].clone()
    experts = tiny.encoder.attention[-1][0].experts
    with torch.no_grad():
        experts["read"].down.weight.add_(0.5)
    assert torch.equal(tiny.encoder.see(trunk)[-1], see)
    assert not torch.allclose(tiny.encoder.read(trunk)[-1], read)
    assert "read" not in tiny.encoder.attention[-1][1].experts  # the read path has left by then
    tiny.encoder.read(trunk)[-1].sum().backward()
    assert experts["see"].up.weight.grad is None
    assert experts["read"].up.weight.grad is not None


def test_reading_needs_nothing_of_seeing(tiny: PocketModel) -> None:
    reader = PocketModel(tiny.config, with_rest=False)
    assert not reader.has_rest
    assert {n.split(".")[0] for n, _ in reader.named_parameters()} == {"reader"}


def test_decoder_is_llama(tiny: PocketModel) -> None:
    transformers = pytest.importorskip("transformers")
    c = tiny.config.decoder
    llama = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=c.vocabulary_size,
            hidden_size=c.hidden_size,
            num_hidden_layers=c.layers,
            num_attention_heads=c.heads,
            num_key_value_heads=c.kv_heads,
            intermediate_size=c.intermediate_size,
            rms_norm_eps=c.rms_eps,
            tie_word_embeddings=True,
        )
    ).eval()
    missing, unexpected = llama.load_state_dict(tiny.decoder.state_dict(), strict=False)
    assert missing == ["lm_head.weight"] and not unexpected
    ids = torch.randint(0, c.vocabulary_size, (2, 11))
    hidden = tiny.decoder.hidden(tiny.decoder.embed(ids), torch.arange(11)[None], causal_mask(11))
    assert torch.allclose(tiny.decoder.score(hidden), llama(ids).logits, atol=1e-5)


def test_a_packed_segment_is_as_alone(tiny: PocketModel) -> None:
    """Behind one picture, texts do not see each other, and begin at the same position."""
    from pocket.training.see_task import text_scores

    rows = torch.randn(1, 49, 64)
    segments = [sequences.Segment([3, 100, 101, 1], 1, 0), sequences.Segment([4, 110, 5, 120, 1], 3, 1)]
    cpu = torch.device("cpu")
    together = sequences.pack([segments], 49, 49, cpu)
    scores = text_scores(tiny, rows, together)
    alone = [text_scores(tiny, rows, sequences.pack([[s]], 49, 49, cpu)) for s in segments]
    assert together.targets.tolist() == [100, 101, 1, 120, 1]
    assert torch.allclose(scores, torch.cat(alone), atol=1e-5)
    # As an engine would run it: the picture's rows, then the text, plainly causal.
    ids = torch.tensor([segments[0].ids[:-1]])
    x = torch.cat([rows, tiny.decoder.embed(ids)], 1)
    plain = tiny.decoder.score(tiny.decoder.hidden(x, torch.arange(52)[None], causal_mask(52)))[0, 49:]
    assert torch.allclose(alone[0], plain, atol=1e-5)


def test_smaller_pictures_take_the_places_of_full_ones() -> None:
    assert sequences.row_positions(49, 49).tolist() == list(range(49))
    small = sequences.row_positions(16, 49).tolist()
    assert small[:4] == [0, 2, 4, 6] and len(set(small)) == 16


def test_smaller_pictures_are_seen(tiny: PocketModel) -> None:
    trunk = tiny.encoder.trunk(torch.rand(1, 3, 128, 128))
    assert tiny.tokens(tiny.encoder.see(trunk)).shape == (1, 16, 64)


def test_padding_does_not_change_a_text(tiny: PocketModel) -> None:
    ids, valid = sequences.pad_texts([[7, 100, 101], [7, 100, 101, 102, 103]], torch.device("cpu"))
    alone = tiny.embed_text(torch.tensor([[7, 100, 101]]), torch.ones(1, 3, dtype=torch.bool))
    assert torch.allclose(tiny.embed_text(ids, valid)[0], alone[0], atol=1e-6)
