"""Networks that tell, for each bin of a mixture's spectrum, how much of it is speech.

Both turn magnitudes (batch, frames, bins) into logits of the same shape and a state to go on from: frames that come
later may be given in a later call.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from dlhw.nets.mlp import MLP
from dlhw.nets.recurrent import State, recurrent_layers
from dlhw.nets.spectral_features import SpectralFeatures


class MaskRNN(nn.Module):
    """Recurrent layers over the frames, dropout, and a dense layer to one logit a bin.

    Args:
        cell: lstm or gru.
        dropout: of what each layer gives to the next, the last one's to the dense layer too.
        bidirectional: half of the units of each layer read the frames from the last to the first; the network then
            needs the whole of a mixture at once.
        log: see `SpectralFeatures`.
    """

    def __init__(
        self,
        num_bins: int,
        cell: str = "lstm",
        num_layers: int = 2,
        units: int = 256,
        dropout: float = 0.0,
        bidirectional: bool = False,
        log: bool = True,
    ) -> None:
        super().__init__()
        self.features = SpectralFeatures(num_bins, log)
        self.recurrent = recurrent_layers(cell, num_bins, units, num_layers, dropout, bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(units, num_bins)

    @property
    def causal(self) -> bool:
        """Whether a frame's logits depend on no later frame."""
        return not self.recurrent.bidirectional

    def forward(
        self, magnitudes: Tensor, num_frames: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State | None]:
        """Logits and the state after the last frame.

        Args:
            num_frames: (batch,), how many frames of each mixture are its own; only a network that reads backwards looks
                at it, as it must begin at a mixture's own end.
        """
        inputs = self.features(magnitudes)
        if self.causal or num_frames is None:
            outputs, state = self.recurrent(inputs, state)
        else:
            packed = pack_padded_sequence(inputs, num_frames.cpu(), batch_first=True, enforce_sorted=False)
            padded, state = self.recurrent(packed, state)
            outputs, _ = pad_packed_sequence(padded, batch_first=True, total_length=inputs.shape[1])
        return self.head(self.dropout(outputs)), state


class MaskMLP(nn.Module):
    """Fully connected layers that see one frame at a time: [Linear, ReLU, Dropout] x hidden, Linear."""

    causal = True

    def __init__(self, num_bins: int, hidden: Sequence[int], dropout: float = 0.0, log: bool = True) -> None:
        super().__init__()
        self.features = SpectralFeatures(num_bins, log)
        self.mlp = MLP(num_bins, hidden, num_bins, dropout=dropout)

    def forward(
        self, magnitudes: Tensor, num_frames: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State | None]:
        """Logits; there is no state."""
        inputs = self.features(magnitudes)
        return self.mlp(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2]), None


MaskNet = MaskRNN | MaskMLP


def own_frames(num_frames: Tensor, longest: int) -> Tensor:
    """(batch, longest), True at the frames that are a mixture's own and False at the padding."""
    return torch.arange(longest, device=num_frames.device) < num_frames[:, None]
