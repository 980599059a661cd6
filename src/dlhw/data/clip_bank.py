"""The spectra of many signals as one tensor, of which any frames of any signals are gathered at once."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from dlhw.audio.mix import whole_blocks
from dlhw.audio.stft import HOP, NUM_BINS, WINDOW, window

BYTES_A_FRAME = NUM_BINS * 8  # complex64
BLOCK = 1024  # frames transformed at once


class ClipBank:
    """Signals whose spectra are computed once and kept, or at each use where they are too large.

    Frame t of a signal is that of `dlhw.audio.stft.stft`. A periodic one is taken to go on from its beginning, so that
    it has as many frames as whole blocks of 512 samples, and a cut of its frames is the spectra of a cut.

    Args:
        clips: each (samples,), at least 513.
        budget: bytes that the spectra may take to be kept.

    Attributes:
        num_frames, num_samples: (clips,) on the CPU, of each signal.
        num_bytes: what the kept spectra take.
    """

    def __init__(self, clips: Sequence[Tensor], *, periodic: bool = False, budget: float = float("inf")) -> None:
        padded = [goes_round(clip) if periodic else mirrored(clip) for clip in clips]
        self.num_samples = torch.tensor([len(clip) for clip in clips])
        self.num_frames = torch.tensor([len(clip) // HOP - 1 for clip in padded])
        self._lengths = self.num_frames
        self._starts = self.num_frames.cumsum(0) - self.num_frames  # each signal's first frame
        self._shifts = torch.arange(len(clips))  # frames before it that no signal has: one between each two
        self._samples = torch.cat(padded)
        self._spectra: Tensor | None = None
        self.num_bytes = int(self.num_frames.sum()) * BYTES_A_FRAME
        if self.num_bytes <= budget:
            self._spectra = self._all_spectra()
            self._samples = self._samples[:0].clone()  # nobody needs them any more
        else:
            self.num_bytes = 0

    def to(self, device: torch.device) -> "ClipBank":
        """Move to a device, in place."""
        self._starts, self._lengths, self._shifts, self._samples = (
            tensor.to(device) for tensor in (self._starts, self._lengths, self._shifts, self._samples)
        )
        if self._spectra is not None:
            self._spectra = self._spectra.to(device)
        return self

    @property
    def device(self) -> torch.device:
        return self._starts.device

    def gather(self, clips: Tensor, first: Tensor, counts: Tensor, longest: int) -> Tensor:
        """Complex spectra (cuts, longest, bins): `counts[i]` frames of signal `clips[i]` from `first[i]` on, then zero.

        Args:
            clips, first, counts: (cuts,), on the bank's device; a signal goes on from its first frame after its last.
        """
        place = torch.arange(longest, device=self.device)
        own = place < counts[:, None]  # (cuts, longest)
        rows = self._starts[clips, None] + (first[:, None] + place) % self._lengths[clips, None]
        if self._spectra is None:
            made = self._transform((rows + self._shifts[clips, None]).flatten())
            return made.view(*own.shape, NUM_BINS) * own[..., None]
        found = self._spectra.index_select(0, torch.where(own, rows, len(self._spectra) - 1).flatten())
        return torch.view_as_complex(found.view(*own.shape, NUM_BINS, 2))

    def _all_spectra(self) -> Tensor:
        """All signals' frames, one after another, and one of zeros: (frames + 1, 2 bins), real and imaginary parts."""
        rows = torch.arange(int(self.num_frames.sum())) + self._shifts.repeat_interleave(self.num_frames)
        spectra = torch.zeros(len(rows) + 1, 2 * NUM_BINS)
        for made, some in zip(spectra.split(BLOCK), rows.split(BLOCK), strict=False):
            made[: len(some)] = torch.view_as_real(self._transform(some)).flatten(1)
        return spectra

    def _transform(self, rows: Tensor) -> Tensor:
        """The spectra (rows, bins) of the frames that begin with these blocks of all samples."""
        frames = self._samples.unfold(0, WINDOW, HOP).index_select(0, rows)
        return torch.fft.rfft(frames * window(frames))


def mirrored(clip: Tensor) -> Tensor:
    """A signal (samples,) with what `stft` sees at its ends: the samples of all its frames."""
    whole = F.pad(clip[None], (0, -len(clip) % HOP))
    return F.pad(whole, (HOP, HOP), mode="reflect")[0]


def goes_round(clip: Tensor) -> Tensor:
    """One period of a signal, and before it the block that it ends with: the samples of all its frames."""
    period = whole_blocks(clip)
    return torch.cat([period[-HOP:], period])
