"""The data of a run: which, where, how it is cut, augmented or mixed."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, PlainValidator, Tag

from dlhw.schema.fields import (
    Count,
    Decibels,
    Name,
    Natural,
    NonNegative,
    Open,
    Share,
    Strict,
    class_name,
    known_class,
    one_of,
)

SPEECH = ("speech", "speech_matched", "ibm_course", "speech_folders", "synthetic_speech")
DATASETS = ("mnist", "fashion_mnist", "digits", "npz", "faces", "synthetic_faces", *SPEECH)
AUGMENTATIONS = ("Affine", "Mirror", "Chain")
KINDS = ("ImageData", "FaceData", "SpeechData")


class Affine(Strict):
    target: str = Field(alias="_target_")
    degrees: Annotated[float, Field(ge=0, le=180)]
    shift: NonNegative
    scale: Share
    shear: Annotated[float, Field(ge=0, lt=90)]
    padding: Annotated[str, one_of("zeros", "border")] = "zeros"


class Mirror(Strict):
    target: str = Field(alias="_target_")
    share: Annotated[float, Field(ge=0, le=1)]


class Chain(Strict):
    target: str = Field(alias="_target_")
    transforms: Annotated[list["Augment"], Field(min_length=1)]


Augment = Annotated[
    Annotated[Affine, Tag("Affine")] | Annotated[Mirror, Tag("Mirror")] | Annotated[Chain, Tag("Chain")],
    Discriminator(
        class_name,
        custom_error_type="augmentation",
        custom_error_message=f"must be one of dlhw.data.augment's {', '.join(AUGMENTATIONS)}",
    ),
]


class Keys(Strict):
    """What the arrays of an npz file are called; None: guessed."""

    train_images: str | None = None
    train_labels: str | None = None
    val_images: str | None = None
    val_labels: str | None = None
    test_images: str | None = None
    test_labels: str | None = None


class Data(Open):
    class_: str = Field(alias="_target_")
    dataset: Annotated[str, one_of(*DATASETS)]
    root: str | None
    num_features: Count
    split_seed: Natural
    batch_size: Count
    eval_batch_size: Count
    passes: Count
    augment: Augment | None
    test_every_epoch: bool
    path: str | None = None


class OwnData(Data):
    """Of a class that is no kind of data here: what of it is to be checked, it checks itself."""

    dataset: Name
    root: str | None = None
    split_seed: Natural = 0
    passes: Count = 1
    augment: Augment | None = None
    test_every_epoch: bool = False


class ImageData(Data):
    num_classes: Count
    num_val: Natural
    keys: Keys = Keys()


class FaceData(Data):
    crop: bool
    split: Annotated[str, one_of("person", "picture")]
    val_share: Share
    test_share: Annotated[float, Field(gt=0, lt=1)]


def no_augmentation(value: Any) -> None:
    if value is not None:
        raise ValueError("must be null (augment=none); what varies sound is data.train_snr and data.fresh")


class SpeechData(Data):
    dataset: Annotated[str, one_of(*SPEECH)]
    passes: Count = 1
    augment: Annotated[None, PlainValidator(no_augmentation)] = None
    speeds: Annotated[list[Annotated[float, Field(ge=0.5, le=2)]], Field(min_length=1)] = [1.0]
    noises_per_sentence: Count
    test_noises: Count
    train_snr: Annotated[list[Decibels], Field(min_length=2, max_length=2)]
    snr: Decibels
    fresh: bool
    truncate: Annotated[int, Field(ge=2)] | None
    memory_gib: NonNegative
    clean: str | None = None
    noise: str | None = None
    val_share: Share = 0.0
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    num_speakers: Annotated[int, Field(ge=3)] = 3
    sentences_per_speaker: Count = 1


AnyData = Annotated[
    Annotated[ImageData, Tag("ImageData")]
    | Annotated[FaceData, Tag("FaceData")]
    | Annotated[SpeechData, Tag("SpeechData")]
    | Annotated[OwnData, Tag("OwnData")],
    known_class(*KINDS, default="OwnData"),
]


def has_validation(data: AnyData) -> bool:
    if isinstance(data, OwnData):
        return True  # or it is seen when it is read
    if isinstance(data, SpeechData):
        return data.dataset != "speech_folders" or data.val_share > 0
    return data.val_share > 0 if isinstance(data, FaceData) else data.num_val > 0
