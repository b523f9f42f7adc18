"""What speed is compared with: next-embedding training as such scripts write it, in plain PyTorch.

Every window is materialised in memory as float32, a DataLoader collates batches, of 32 as in the
original, the keys are formed for every context row, and the loss is read out after every batch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 32


class PlainAMN(nn.Module):
    """The original AMN, written down as it is defined; parameters in the order of `OriginalAMN`."""

    def __init__(self, *, dim: int = 768, attention_dim: int = 256, hidden_dim: int = 512) -> None:
        super().__init__()
        self.keys = nn.Linear(dim, attention_dim)
        self.query = nn.Linear(dim, attention_dim)
        self.residual = nn.Sequential(
            nn.Linear(2 * dim, hidden_dim),
            nn.GELU(),
            nn.LayerNorm(hidden_dim),
            nn.Linear(hidden_dim, hidden_dim // 2),
            nn.GELU(),
            nn.LayerNorm(hidden_dim // 2),
            nn.Linear(hidden_dim // 2, dim),
        )

    def forward(self, context: Tensor) -> Tensor:
        """Return (B, D) predictions of (B, T, D) contexts."""
        mean = context.mean(dim=1)
        keys, query = self.keys(context), self.query(mean)
        scores = torch.bmm(keys, query.unsqueeze(-1)).squeeze(-1) / math.sqrt(keys.shape[-1])
        mixture = (torch.softmax(scores, dim=-1).unsqueeze(-1) * context).sum(dim=1)
        predicted: Tensor = mean + self.residual(torch.cat([mean, mixture], dim=-1))
        return predicted


def materialise(
    rows: Tensor, *, shuffle: bool, batch: int = BATCH
) -> DataLoader[tuple[Tensor, ...]]:
    """Return batches of (context, target) from (N, T + 1, D) windows held in memory."""
    windows = TensorDataset(rows[:, :-1].contiguous(), rows[:, -1].contiguous())
    return DataLoader(windows, batch_size=batch, shuffle=shuffle, num_workers=0)


def evaluate(model: nn.Module, loader: DataLoader[tuple[Tensor, ...]]) -> float:
    """Return the mean cosine."""
    total = n = 0.0
    model.eval()
    with torch.no_grad():
        for context, target in loader:
            cosines = F.cosine_similarity(model(context), target, dim=-1)
            total += cosines.sum().item()
            n += len(cosines)
    return total / n


def train(
    train_loader: DataLoader[tuple[Tensor, ...]],
    validation_loader: DataLoader[tuple[Tensor, ...]],
    *,
    epochs: int,
    seed: int = 0,
) -> Iterator[float]:
    """Train by the original recipe at a constant rate; yield each epoch's validation cosine."""
    torch.manual_seed(seed)
    model = PlainAMN(dim=train_loader.dataset[0][0].shape[-1])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.01)
    for _ in range(epochs):
        model.train()
        total_loss = 0.0
        for context, target in train_loader:
            raw = model(context)
            loss = F.mse_loss(raw, target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total_loss += loss.item()
        yield evaluate(model, validation_loader)
