"""Everything that moves during a training, and one file from which it goes on after a kill.

The file is written whole after every epoch. It holds no code: tensors in safetensors, the rest as
JSON in its metadata. What a training draws is a function of its seed, the epoch and torch's random
state, which is in the file: a run that was cut off ends in the same weights as one that was not.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from amn.storage import regular, sha256_of, write_bytes
from amn.training.record import Epoch

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.swa_utils import AveragedModel

    from amn.training.schedule import Schedule

FORMAT = "amn-training-state/2"
RANDOM, GPU_RANDOM = "random", "random.gpu"


@dataclass(kw_only=True)
class TrainingState:
    """A training after some epochs.

    Attributes:
        average: The moving average of the weights, where one is kept.
        best: The weights of the best epoch so far.
        best_epoch: 0 when there is none.
    """

    model: nn.Module
    optimizer: Optimizer
    schedule: Schedule
    average: AveragedModel | None
    best: dict[str, Tensor]
    best_epoch: int = 0
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def judged(self) -> nn.Module:
        """The network that is validated and kept: the average where there is one."""
        return self.model if self.average is None else self.average.module

    @property
    def _is_on_gpu(self) -> bool:
        return next(self.model.parameters()).device.type == "cuda"

    def note_epoch(self, line: Epoch) -> None:
        """Add a line to the ledger, and keep the weights if no epoch was better."""
        best = max((epoch.val_cosine for epoch in self.epochs), default=-float("inf"))
        self.epochs.append(line)
        if line.val_cosine > best:
            weights = self.judged.state_dict().items()
            self.best = {name: tensor.detach().clone() for name, tensor in weights}
            self.best_epoch = line.epoch

    def save(self, path: Path, key: str) -> None:
        """Write the state atomically.

        Args:
            key: What the result depends on; `restore` takes no state of another key.
        """
        rest = {
            "best_epoch": self.best_epoch,
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "schedule": self.schedule.state_dict(),
            "rates": [group["lr"] for group in self.optimizer.param_groups],
        }
        text, tensors = json.dumps(rest), self._tensors()
        metadata = {"format": FORMAT, "key": key, "rest": text, "sha256": _digest(text, tensors)}
        write_bytes(path, save(tensors, metadata))

    def restore(self, path: Path, key: str) -> bool:
        """Go on from a file, if there is a whole one with that key; tell if there was."""
        try:
            with safe_open(regular(path), framework="pt") as file:
                metadata = file.metadata() or {}
                if (metadata.get("format"), metadata.get("key")) != (FORMAT, key):
                    return False
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no iterator
        except (FileNotFoundError, SafetensorError):
            return False
        if _digest(metadata["rest"], tensors) != metadata["sha256"]:
            return False
        rest = json.loads(metadata["rest"])
        self._load_tensors(tensors)
        self.schedule.load_state_dict(rest["schedule"])
        for group, rate in zip(self.optimizer.param_groups, rest["rates"], strict=True):
            group["lr"] = rate
        self.best_epoch = rest["best_epoch"]
        self.epochs = [Epoch(**line) for line in rest["epochs"]]
        return True

    def _tensors(self) -> dict[str, Tensor]:
        """Return every tensor under a name of its own; none shares memory with another."""
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        tensors |= {f"best.{name}": t for name, t in self.best.items()}
        if self.average is not None:
            tensors |= {f"average.{name}": t for name, t in self.average.state_dict().items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{name}": t for name, t in values.items()}
        tensors[RANDOM] = torch.random.get_rng_state()
        if self._is_on_gpu:
            tensors[GPU_RANDOM] = torch.cuda.get_rng_state()
        return {
            name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()
        }

    def _load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Put the tensors of `_tensors` back."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}

        self.model.load_state_dict(part("model."))
        self.best = part("best.")
        if self.average is not None:
            self.average.load_state_dict(part("average."))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in part("optimizer.").items():
            number, _, key = name.partition(".")
            moments.setdefault(int(number), {})[key] = tensor
        state = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**state, "state": moments})
        torch.random.set_rng_state(tensors[RANDOM])
        if self._is_on_gpu:
            torch.cuda.set_rng_state(tensors[GPU_RANDOM])


def _digest(text: str, tensors: dict[str, Tensor]) -> str:
    """Return one sha256 of a text and of every tensor."""
    parts = [f"{name} {sha256_of(tensors[name].numpy().tobytes())}" for name in sorted(tensors)]
    return sha256_of("\n".join([text, *parts]).encode())
