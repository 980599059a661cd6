"""Networks that tell, for each bin of a mixture's spectrum, how much of it is speech.

Both turn magnitudes (batch, frames, bins) into logits of the same shape and a state to go on from: frames that come
later may be given in a later call.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dlhw.nets.mlp import MLP
from dlhw.nets.recurrent import State, recurrent_layers
from dlhw.nets.running_mean import History, running_mean
from dlhw.nets.spectral_features import SpectralFeatures


class Past(NamedTuple):
    """What a `MaskRNN` remembers of the frames before."""

    recurrent: State
    history: History | None


class MaskRNN(nn.Module):
    """An encoder of single frames, recurrent layers over what it gives, and a dense layer to one logit a bin.

    The dense layer sees the encoder's outputs beside those of the recurrent layers, which therefore need not carry the
    fine structure of a spectrum through, but only what the frame itself does not tell.

    Args:
        cell: lstm or gru.
        encoder: units of the encoder, a dense layer with ReLU; None: there is none, and the recurrent layers, which
            then are all that the last layer sees, read the inputs themselves.
        memory: frames; each bin's deviation from its running mean over so many (`running_mean`) is an input beside the
            bin itself, so that a noise that was never heard looks as any other once it has lasted; None: it is not.
        dropout: of what each layer gives to the next, the last one's to the dense layer too.
        bidirectional: half of the units of each layer read the frames from the last to the first; the network then
            needs the whole of a mixture at once.
        log: see `SpectralFeatures`.
    """

    def __init__(
        self,
        num_bins: int,
        cell: str = "lstm",
        num_layers: int = 1,
        units: int = 256,
        encoder: int | None = 512,
        memory: float | None = 100.0,
        dropout: float = 0.0,
        bidirectional: bool = False,
        log: bool = True,
    ) -> None:
        super().__init__()
        self.memory = memory
        self.features = SpectralFeatures(num_bins, log)
        num_inputs = num_bins if memory is None else 2 * num_bins
        self.encoder = None if encoder is None else nn.Sequential(nn.Linear(num_inputs, encoder), nn.ReLU())
        self.recurrent = recurrent_layers(cell, encoder or num_inputs, units, num_layers, dropout, bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(units + (encoder or 0), num_bins)

    @property
    def causal(self) -> bool:
        """Whether a frame's logits depend on no later frame."""
        return not self.recurrent.bidirectional

    def forward(
        self, magnitudes: Tensor, num_frames: Tensor | None = None, state: Past | None = None
    ) -> tuple[Tensor, Past]:
        """Logits and the state after the last frame.

        Args:
            num_frames: (batch,), how many frames of each mixture are its own; only a network that reads backwards looks
                at it, as it must begin at a mixture's own end.
        """
        inputs, history = self._inputs(magnitudes, state and state.history)
        frames = inputs if self.encoder is None else self.dropout(self.encoder(inputs))
        outputs, recurrent = self._read(frames, num_frames, state and state.recurrent)
        outputs = self.dropout(outputs)
        seen = outputs if self.encoder is None else torch.cat([frames, outputs], -1)
        return self.head(seen), Past(recurrent, history)

    def _inputs(self, magnitudes: Tensor, history: History | None) -> tuple[Tensor, History | None]:
        features = self.features(magnitudes)
        if self.memory is None:
            return features, None
        means, history = running_mean(features, self.memory, history)
        return torch.cat([features, features - means], -1), history

    def _read(self, frames: Tensor, num_frames: Tensor | None, state: State | None) -> tuple[Tensor, State]:
        """The recurrent layers' outputs, and their state after the last frame."""
        if self.causal or num_frames is None:
            return self.recurrent(frames, state)
        packed = pack_padded_sequence(frames, num_frames.cpu(), batch_first=True, enforce_sorted=False)
        padded, state = self.recurrent(packed, state)
        return pad_packed_sequence(padded, batch_first=True, total_length=frames.shape[1])[0], state


class MaskMLP(nn.Module):
    """Fully connected layers that see one frame at a time: [Linear, ReLU, Dropout] x hidden, Linear."""

    causal = True

    def __init__(self, num_bins: int, hidden: Sequence[int], dropout: float = 0.0, log: bool = True) -> None:
        super().__init__()
        self.features = SpectralFeatures(num_bins, log)
        self.mlp = MLP(num_bins, hidden, num_bins, dropout=dropout)

    def forward(self, magnitudes: Tensor, num_frames: Tensor | None = None, state: None = None) -> tuple[Tensor, None]:
        """Logits; there is no state."""
        inputs = self.features(magnitudes)
        return self.mlp(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2]), None


MaskNet = MaskRNN | MaskMLP


def own_frames(num_frames: Tensor, longest: int) -> Tensor:
    """(batch, longest), True at the frames that are a mixture's own and False at the padding."""
    return torch.arange(longest, device=num_frames.device) < num_frames[:, None]
