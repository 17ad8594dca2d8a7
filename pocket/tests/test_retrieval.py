"""SigLIP's loss and its memory."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from pocket.training.retrieval import Memory, recall_at, siglip_loss


def test_equals_the_published_formula() -> None:
    torch.manual_seed(0)
    a, b = F.normalize(torch.randn(4, 8), dim=-1), F.normalize(torch.randn(4, 8), dim=-1)
    scale, bias = torch.tensor(1.5), torch.tensor(-2.0)
    logits = a @ b.T * scale.exp() + bias
    published = -F.logsigmoid(logits * (2 * torch.eye(4) - 1)).sum() / 4
    assert torch.allclose(siglip_loss(a, b, list("wxyz"), scale, bias), published)


def test_equal_texts_are_no_mistake_and_memory_counts() -> None:
    a = F.normalize(torch.ones(2, 4), dim=-1)
    scale, bias = torch.tensor(3.0), torch.tensor(-5.0)
    same = siglip_loss(a, a, ["x", "x"], scale, bias)
    other = siglip_loss(a, a, ["x", "y"], scale, bias)
    assert same < 0.01 < other
    memory = Memory(3)
    for name in "pqr":
        memory.add(a[:1], a[:1], [name])
    memory.add(a[:1], a[:1], ["s"])
    assert memory.strings == ["q", "r", "s"]
    assert siglip_loss(a, a, ["x", "x"], scale, bias, memory) > 1


def test_recall() -> None:
    table = torch.tensor([[3.0, 1, 2], [2, 1, 3], [1, 2, 3]])
    assert abs(recall_at(table, 1) - 2 / 3) < 1e-6 and recall_at(table, 3) == 1
