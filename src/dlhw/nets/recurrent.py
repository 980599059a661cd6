"""Recurrent layers, as the networks here have them."""

from torch import Tensor, nn

CELLS: dict[str, type[nn.LSTM | nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}

State = Tensor | tuple[Tensor, Tensor]  # of a GRU; of an LSTM, the hidden state and the memory cell


def recurrent_layers(
    cell: str, num_inputs: int, units: int, num_layers: int, dropout: float, bidirectional: bool = False
) -> nn.LSTM | nn.GRU:
    """Layers over sequences (batch, time, num_inputs), to (batch, time, units).

    Args:
        cell: lstm (Hochreiter and Schmidhuber, 1997) or gru (Cho et al., 2014).
        units: of a layer; half of them read from the end to the beginning where it is bidirectional.
        dropout: of what a layer gives to the next.
    """
    between = dropout if num_layers > 1 else 0.0  # torch warns of dropout between the layers of one
    units = units // 2 if bidirectional else units
    return CELLS[cell](num_inputs, units, num_layers, batch_first=True, dropout=between, bidirectional=bidirectional)
