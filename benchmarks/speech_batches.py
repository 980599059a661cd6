"""Batches of speech in noise as the experiments get them, and the usual way, which reads and transforms each sample."""

import time
from itertools import islice
from pathlib import Path
from typing import Any

import soundfile
import torch
from hydra.utils import instantiate
from timing import heading, line
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from dlhw.config import compose_config

NUM_BATCHES = 40


class UsualData(Dataset):
    """A data set as everybody writes it: two files read, mixed at 0 dB and transformed for each sample."""

    def __init__(self, speech: list[Path], noise: list[Path]) -> None:
        self.speech, self.noise = speech, noise

    def __len__(self) -> int:
        return len(self.speech)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        speech = self._read(self.speech[index])
        noise = self._read(self.noise[int(torch.randint(len(self.noise), ()))])
        noise = noise.repeat(-(-len(speech) // len(noise)))[: len(speech)]
        noise = noise * speech.std() / noise.std().clamp_min(1e-6)
        return self._transform(speech), self._transform(noise)

    def _read(self, file: Path) -> Tensor:
        return torch.from_numpy(soundfile.read(file, dtype="float32")[0])

    def _transform(self, signal: Tensor) -> Tensor:
        return torch.stft(signal, 1024, 512, window=torch.hann_window(1024), return_complex=True).T


def padded(samples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    speech, noise = (pad_sequence(list(spectra), batch_first=True) for spectra in zip(*samples, strict=True))
    return speech, noise, torch.tensor([len(spectra) for spectra, _ in samples])


def rate(batches: Any) -> tuple[float, float]:
    """Frames of speech a second, and the share of all frames that is padding."""
    num_own = num_all = 0
    start = time.perf_counter()
    for batch in islice(batches, NUM_BATCHES):
        speech, num_frames = batch[0], batch[2]
        num_own += int(num_frames.sum())
        num_all += speech.shape[0] * speech.shape[1]
    return num_own / (time.perf_counter() - start), 1 - num_own / num_all


def set_up(overrides: list[str]) -> Any:
    cfg = compose_config(["experiment=ibm_denoiser", *overrides])
    data = instantiate(cfg.data, seed=0)
    data.setup()
    return data


def main(overrides: list[str]) -> None:
    data = set_up(overrides)
    own, own_padding = rate(data.train_dataloader())
    heading(f"batches of {data.batch_size} mixtures of {data.title}, one process")
    line("frames a second, spectra kept", f"{own:,.0f}")
    streamed, _ = rate(set_up([*overrides, "data.memory_gib=0"]).train_dataloader())
    line("frames a second, spectra computed for each batch", f"{streamed:,.0f}")
    line("of it padding", f"{100 * own_padding:.1f} %", "< 10 %")
    if data.dataset != "speech":
        return
    part = data.parts["train"]
    files = [[data.path / f"{clip.name}.flac" for clip in clips] for clips in (part.sentences, part.noises)]
    loader = DataLoader(UsualData(*files), batch_size=data.batch_size, shuffle=True, collate_fn=padded)
    usual, usual_padding = rate(loader)
    line("frames a second, spectra kept / the usual way", f"{own / usual:.1f}")
    line("frames a second and padding, the usual way", f"{usual:,.0f}, {100 * usual_padding:.1f} %")
