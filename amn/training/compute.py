"""Where a training is computed: the device, and which part is ours.

Several processes share every batch: each takes some of its stretches, and DistributedDataParallel
adds up the gradients, weighted by windows. Each draws the dropout of the whole batch and uses its
own rows of it, so that the result is that of one process up to rounding.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from amn.errors import ArgumentError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from amn.data.windows import Windows

TIMEOUT = timedelta(minutes=10)  # a process that is silent for so long is lost; scoring is shorter


class Forward(nn.Module):
    """A network behind one forward, whichever way its batches come."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, rows: Tensor, places: Tensor | None = None) -> Tensor:
        """Return raw outputs, (B, D).

        Args:
            rows: (B, T + 1, D), or stretches (G, L + T, D); the last row is only a target.
            places: (B,) int64 of the windows of stretches.
        """
        raw: Tensor
        if places is None:
            raw = self.model(rows[:, :-1])
        else:
            raw = self.model.forward_stretches(rows, places)  # type: ignore[operator]  # checked
        return raw


@dataclass(frozen=True, kw_only=True)
class Compute:
    """A device, and this process's place among those that train together.

    Attributes:
        device: `cpu`, `cuda` or `cuda:1`.
        rank: 0 to world - 1; process 0 writes the files.
        world: Processes that share every batch.
    """

    device: str = "cpu"
    rank: int = 0
    world: int = 1

    @property
    def kind(self) -> str:
        """`cpu` or `cuda`."""
        return torch.device(self.device).type

    @property
    def random_devices(self) -> list[str]:
        """The devices, beside the CPU, whose random state a training moves."""
        return [] if self.kind == "cpu" else [self.device]

    def wrap(self, model: nn.Module) -> nn.Module:
        """Return the network's `Forward`; with several processes, one that adds up gradients."""
        forward = Forward(model)
        if self.world == 1:
            return forward
        # Softmax drops the bias of the attention's keys: a parameter without a gradient.
        return DistributedDataParallel(forward, static_graph=True)

    def rows(self, windows: Windows, rows: NDArray[np.int64]) -> Tensor:
        """Return rows of the data set as float32 on the device, in the shape of `rows`."""
        stored = torch.from_numpy(windows.dataset.gather(rows))
        return stored.to(self.device, non_blocking=True).float()

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over the processes, in place and the same in each."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def agree(self, value: float) -> float:
        """Return the first process's value in every process."""
        if self.world == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(told, 0)
        return float(told)

    def wait(self) -> None:
        """Return when every process is here."""
        if self.world > 1:
            dist.barrier()


CPU = Compute()


def is_launched() -> bool:
    """Tell whether torchrun started this process, beside others or alone."""
    return dist.is_available() and dist.is_torchelastic_launched()


def find_device(name: str, *, local_rank: int = 0) -> str:
    """Return the device to use; `cuda` is the GPU of this process's number, `auto` it or the CPU.

    Raises:
        ArgumentError: If there is none.
    """
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available() or local_rank >= torch.cuda.device_count():
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        raise ArgumentError(
            f"device: expected a GPU for process {local_rank}, got {count} GPUs. Fix: --device cpu"
        )
    return f"cuda:{local_rank}"


@contextmanager
def take_part(device: str) -> Iterator[Compute]:
    """Yield what this process trains with: alone, or as one of those that torchrun started.

    Args:
        device: `cpu` (gloo), `cuda` (nccl), a GPU a process, or `auto`: a GPU where there is one.

    Raises:
        ArgumentError: If there is no such device.
        TrainingError: If another process died or said nothing for too long.
    """
    if not is_launched():
        yield Compute(device=find_device(device))
        return
    own = find_device(device, local_rank=dist.get_node_local_rank(fallback_rank=0))
    if own != "cpu":
        torch.cuda.set_device(own)
    rank = -1
    try:
        dist.init_process_group("gloo" if own == "cpu" else "nccl", timeout=TIMEOUT)
        rank = dist.get_rank()
        yield Compute(device=own, rank=rank, world=dist.get_world_size())
    except RuntimeError as error:  # what gloo and nccl raise, and torch's DistError
        first = str(error).strip().splitlines()[0]
        raise TrainingError(
            f"process {rank}: expected the other processes to go on, got: {first}. Fix: see which "
            "of them ended first; the same command goes on after the last whole epoch"
        ) from error
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
