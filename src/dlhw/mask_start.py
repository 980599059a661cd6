"""How a mask estimator's inputs are first scaled."""

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import nn

from dlhw.nets.mask_rnn import MaskMLP, MaskRNN, own_frames
from dlhw.start import Start

if TYPE_CHECKING:
    from dlhw.data.speech import SpeechData


def standardised(num_batches: int = 30) -> Callable[[nn.Module, "SpeechData"], Start]:
    """Each bin standardised by its mean and deviation over the first training batches."""

    def make(net: nn.Module, data: "SpeechData") -> Start:
        assert isinstance(net, MaskRNN | MaskMLP)
        batches = islice(iter(data.train_dataloader()), num_batches)
        frames = [
            (batch.speech + batch.noise).abs()[own_frames(batch.num_frames, batch.speech.shape[1])] for batch in batches
        ]
        net.features.fit(torch.cat(frames).cpu())
        return Start(net)

    return make
