"""Images of 28 x 28 pixels as sequences of patches, and a recurrent network that predicts the next patch."""

import torch
from torch import Tensor, nn

from dlhw.nets.recurrent import State, recurrent_layers

SIDE, PATCH = 28, 7  # pixels
PATCHES_A_ROW = SIDE // PATCH
NUM_PATCHES = PATCHES_A_ROW**2
NUM_PIXELS = PATCH * PATCH  # of a patch


def to_patches(images: Tensor) -> Tensor:
    """Patches (batch, 16, 49), row by row from the top left, of images (batch, 1, 28, 28)."""
    tiles = images.reshape(-1, PATCHES_A_ROW, PATCH, PATCHES_A_ROW, PATCH).transpose(2, 3)
    return tiles.reshape(-1, NUM_PATCHES, NUM_PIXELS)


def from_patches(patches: Tensor) -> Tensor:
    """The images (batch, 1, 28, 28) whose patches (batch, 16, 49) are: the inverse of `to_patches`."""
    tiles = patches.reshape(-1, PATCHES_A_ROW, PATCHES_A_ROW, PATCH, PATCH).transpose(2, 3)
    return tiles.reshape(-1, 1, SIDE, SIDE)


class PatchRNN(nn.Module):
    """Recurrent layers over patches, and a dense layer from their outputs to the next patch.

    The dense layer gives logits; `torch.sigmoid` of them are the predicted pixels, within 0..1.

    Args:
        cell: lstm or gru.
        dropout: of each recurrent layer's outputs, in training.
    """

    def __init__(self, cell: str = "lstm", num_layers: int = 2, units: int = 64, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = recurrent_layers(cell, NUM_PIXELS, units, num_layers, dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(units, NUM_PIXELS)

    def forward(self, patches: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (batch, time, 49) of the patch that follows each of `patches` (batch, time, 49), and the state after
        the last of them.

        Args:
            state: after what went before; None: nothing did, and it is 0.
        """
        outputs, state = self.layers(patches, state)
        return self.head(self.dropout(outputs)), state

    def continued(
        self, logits: Tensor, state: State, num_steps: int, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """The patches (batch, 1 + num_steps, 49) that follow, and their logits, by single steps each of which is fed
        with the patch before it.

        Args:
            logits: of the first of them, (batch, 1, 49).
            state: after the last patch that was given.
            generator: where there is one, each patch is drawn by it, every pixel 1 with its probability and else 0;
                None: patches are the probabilities themselves.
        """
        patches, all_logits = [pixels(logits, generator)], [logits]
        for _ in range(num_steps):
            logits, state = self(patches[-1], state)
            all_logits.append(logits)
            patches.append(pixels(logits, generator))
        return torch.cat(patches, 1), torch.cat(all_logits, 1)

    @torch.no_grad()
    def complete(self, top: Tensor, num_patches: int = 8, generator: torch.Generator | None = None) -> Tensor:
        """The `num_patches` patches (batch, num_patches, 49) that follow those of `top` (batch, time, 49): the first
        predicted from these, each further one from the prediction before it. `generator` as in `continued`.
        """
        logits, state = self(top)
        return self.continued(logits[:, -1:], state, num_patches - 1, generator)[0]


def pixels(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """The probabilities of these logits, or where there is a generator draws of 0 and 1 with them."""
    probabilities = logits.sigmoid()
    return probabilities if generator is None else torch.bernoulli(probabilities, generator=generator)
