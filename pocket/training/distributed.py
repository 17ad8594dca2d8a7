"""One process or many (torchrun): the same command. Gradients are averaged in one message a step."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


def start(device: torch.device) -> None:
    """Joins torchrun's processes, if this is one of them."""
    if "WORLD_SIZE" in os.environ and int(os.environ["WORLD_SIZE"]) > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")


def stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def choose_device(name: str = "auto") -> torch.device:
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        return torch.device("cuda")
    return torch.device("cpu")


def average_gradients(model: nn.Module, stop_here: bool) -> bool:
    """Returns whether any process wants to stop, so that all stop after the same step."""
    if world() == 1:
        return stop_here
    parameters = [p for p in model.parameters() if p.requires_grad]
    device = parameters[0].device
    flat = torch.cat(
        [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1).float() for p in parameters]
        + [torch.tensor([float(stop_here)], device=device)]
    )
    dist.all_reduce(flat)
    stop_all = flat[-1].item() > 0
    flat /= world()
    at = 0
    for p in parameters:
        p.grad = flat[at : at + p.numel()].view_as(p).to(p.dtype)
        at += p.numel()
    return stop_all


def share_initial(model: nn.Module) -> None:
    if world() > 1:
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)


def gather(value: Any) -> list[Any]:
    """The values of all processes, on each."""
    if world() == 1:
        return [value]
    out: list[Any] = [None] * world()
    dist.all_gather_object(out, value)
    return out


def barrier() -> None:
    if dist.is_initialized():
        dist.barrier()
