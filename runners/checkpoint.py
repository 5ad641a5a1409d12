"""Checkpoints as safetensors: nested states of tensors and plain values, nothing pickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from search_spaces.grammar.bounded_file import check_regular


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write nested dicts and lists of tensors and JSON values, atomically."""
    tensors: dict[str, Tensor] = {}
    plan = _pack(state, tensors)
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"plan": json.dumps(plan)})
    part.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return what `save_checkpoint` wrote, on the CPU; None where the file is missing or damaged.

    A checkpoint only saves time: without one the trial starts anew and gives the same numbers.
    """
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as file:
            plan = json.loads(file.metadata()["plan"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = _unpack(plan, tensors)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    return state if isinstance(state, dict) else None


def _pack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, _pack(item, tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list": [_pack(item, tensors) for item in value]}
    return {"value": value}


def _unpack(plan: Any, tensors: dict[str, Tensor]) -> Any:
    ((kind, content),) = plan.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(item, tensors) for key, item in content}
    if kind == "list":
        return [_unpack(item, tensors) for item in content]
    return content


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Set an optimiser's state as it lay before it was saved.

    Moments lie in memory as their parameters do, since fused kernels go through both element by
    element; NAdam's product of momenta stays on the CPU, where it is read at every step.
    """
    optimizer.load_state_dict(state)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, saved in state["state"].items():
        parameter = parameters[index]
        for name, value in saved.items():
            if name == "mu_product":
                optimizer.state[parameter][name] = value.cpu()
            elif isinstance(value, Tensor) and value.shape == parameter.shape:
                optimizer.state[parameter][name] = torch.empty_like(parameter).copy_(value)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the global generators that layers such as dropout draw from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Set what `random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
