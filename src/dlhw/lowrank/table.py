"""What a compression does to each layer, as a table."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from dlhw.lowrank.svd import factors_save


@dataclass(frozen=True)
class LayerRow:
    """One compressed layer. Parameters count weights and biases; multiply-adds are those of one input vector.

    The errors are relative: ||W - W_k|| / ||W||, and the root mean square of the outputs' error over that of
    the outputs on the calibration data, both about their means if the layer has a bias (None without
    calibration). `saves` is false where k (m + n) >= m n.
    """

    name: str
    shape: tuple[int, int]  # (out_features, in_features)
    rank: int
    parameters_before: int
    parameters_after: int
    multiply_adds_before: int
    multiply_adds_after: int
    relative_error: float
    activation_error: float | None
    saves: bool

    @classmethod
    def count(
        cls,
        name: str,
        shape: tuple[int, int],
        rank: int,
        bias: bool,
        inner_bias: bool,
        relative_error: float,
        activation_error: float | None = None,
    ) -> "LayerRow":
        """The row of a layer with an m x n weight that becomes two factors with or without an inner bias."""
        m, n = shape
        before, after = m * n, rank * (m + n)
        return cls(
            name=name,
            shape=shape,
            rank=rank,
            parameters_before=before + m * bias,
            parameters_after=after + m * bias + rank * inner_bias,
            multiply_adds_before=before,
            multiply_adds_after=after,
            relative_error=relative_error,
            activation_error=activation_error,
            saves=factors_save(m, n, rank),
        )


@dataclass(frozen=True)
class CompressionTable:
    """The compressed layers of a model, in the model's order; prints as a table with totals."""

    layers: tuple[LayerRow, ...]

    def __iter__(self) -> Iterator[LayerRow]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    @property
    def columns(self) -> list[str]:
        """The names of the columns of `rows()`: those of LayerRow's fields, in words."""
        return [field.name.replace("_", " ") for field in fields(LayerRow)]

    def rows(self) -> list[list]:
        """Plain values for each layer, in the order of `columns`; the shape as 'inputs -> outputs'."""
        return [
            [f"{value[1]} -> {value[0]}" if name == "shape" else value for name, value in vars(row).items()]
            for row in self.layers
        ]

    def total(self, column: str) -> int:
        """The sum of one of LayerRow's counts over the compressed layers, such as 'parameters_after'."""
        return sum(getattr(row, column) for row in self.layers)

    def __str__(self) -> str:
        calibrated = any(row.activation_error is not None for row in self.layers)
        head = ["layer", "shape", "rank", "parameters", "multiply-adds", "error"]
        head += ["output error"] * calibrated + ["saves"]
        body = [head]
        for row in self.layers:
            line = [
                row.name,
                f"{row.shape[1]} -> {row.shape[0]}",
                str(row.rank),
                f"{row.parameters_before:,} -> {row.parameters_after:,}",
                f"{row.multiply_adds_before:,} -> {row.multiply_adds_after:,}",
                f"{row.relative_error:.4f}",
            ]
            line += [_optional(row.activation_error)] * calibrated + ["yes" if row.saves else "no"]
            body.append(line)
        parameters, multiply_adds = (
            f"{self.total(f'{count}_before'):,} -> {self.total(f'{count}_after'):,}"
            for count in ("parameters", "multiply_adds")
        )
        body.append(["total", "", "", parameters, multiply_adds, "", *[""] * calibrated, ""])
        widths = [max(map(len, column)) for column in zip(*body, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in body)


def _optional(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
