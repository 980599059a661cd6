"""What a run trains by: the settings of each kind of module, beside its network."""

from typing import Annotated

from pydantic import Field, Tag

from dlhw.schema.fields import DISTANCES, LOSSES, NonNegative, Open, Positive, Share, known_class, one_of
from dlhw.schema.nets import AnyNet


class Model(Open):
    """Of any module; label smoothing is a classifier's, of whatever kind."""

    class_: str = Field(alias="_target_")
    net: AnyNet
    label_smoothing: Share = 0.0


class Denoising(Model):
    low: Share
    high: Share
    objective: Annotated[str, one_of("mse", "log_mse")] = "mse"


class Gan(Model):
    discriminator_lr: Positive | None = None
    real_label: Annotated[float, Field(gt=0.5, le=1)] = 1.0
    fake_label: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    instance_noise: NonNegative = 0.0
    ema: Share = 0.0
    channels_last: bool = False


class NextPatch(Model):
    distance: Annotated[str, one_of(*DISTANCES)] = "mse"
    free_weight: NonNegative = 0.0
    feedback: Annotated[str, one_of("mean", "sample")] = "mean"


class MaskEstimator(Model):
    target: Annotated[str, one_of("ibm", "irm")] = "ibm"
    loss: Annotated[str, one_of(*LOSSES)] = "bce"
    snr_weight: NonNegative = 0.0
    weight_power: NonNegative = 0.0
    gain: NonNegative = 0.0


KINDS = ("Denoising", "Gan", "NextPatch", "MaskEstimator", "Model")

AnyModel = Annotated[
    Annotated[Denoising, Tag("Denoising")]
    | Annotated[Gan, Tag("Gan")]
    | Annotated[NextPatch, Tag("NextPatch")]
    | Annotated[MaskEstimator, Tag("MaskEstimator")]
    | Annotated[Model, Tag("Model")],
    known_class(*KINDS, default="Model"),
]
