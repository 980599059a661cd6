"""What each further rank of svd_truncate costs once the baseline is trained."""

import time

import torch
from timing import heading, line

from dlhw import lowrank
from dlhw.metrics.classification import evaluate
from dlhw.nets.mlp import MLP
from dlhw.start import last_linear

RANKS = (10, 20, 50, 100, 200, "full")


def main() -> None:
    net = MLP(784, [1024] * 5, 10)
    batches = [(torch.randn(2000, 1, 28, 28), torch.randint(10, (2000,))) for _ in range(5)]
    skip = [last_linear(net)]
    start = time.perf_counter()
    decomposition = lowrank.decompose(net, skip=skip)
    svd = time.perf_counter() - start
    heading("a sweep over six ranks of svd_truncate, 5 x 1024 network, 10,000 test images")
    line("the SVD of five matrices, once: seconds", f"{svd:.2f}")
    for rank in RANKS:
        start = time.perf_counter()
        evaluate(decomposition.truncate(rank=rank)[0], batches)
        line(f"rank {rank}, truncated and tested: seconds", f"{time.perf_counter() - start:.3f}")
