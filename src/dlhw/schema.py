"""What a valid config is: names, types and ranges, checked before anything heavy is imported.

Hydra has refused unknown keys by then; here each value is held against its type and range, and values
that depend on one another (a rank and the layers it is for) against each other.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, PlainValidator, Tag, ValidationError

from dlhw.config import experiments
from dlhw.errors import UserError, near

SPEECH = ("speech", "speech_matched", "ibm_course", "speech_folders", "synthetic_speech")
DATASETS = ("mnist", "fashion_mnist", "digits", "npz", "faces", "synthetic_faces", *SPEECH)
FLIPS = ("symmetric", "next", "mnist", "fashion")
SCHEMES = ("he", "he_fan_out", "xavier", "torch")
ACTIVATIONS = ("relu", "leaky_relu", "elu", "prelu", "tanh")
CODES = (*ACTIVATIONS, "linear")
OUTPUTS = ("linear", "sigmoid")
CELLS = ("lstm", "gru")
DISTANCES = ("mse", "bce")


def rank(value: Any) -> int | str:
    if value == "full" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError("must be a whole number of at least 1, or full")


def one_of(*names: str) -> Any:
    def check(value: Any) -> str:
        if value not in names:
            raise ValueError(f"is not known{near(str(value), names)}")
        return str(value)

    return PlainValidator(check)


def experiment(value: Any) -> str:
    if value not in experiments():
        raise ValueError(f"is not known{near(str(value), experiments())}")
    return str(value)


def distinct(values: list[Any]) -> list[Any]:
    if any(value in values[:number] for number, value in enumerate(values)):
        raise ValueError("names the same thing twice")
    return values


def scheme(value: Any) -> str | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 1e-6 <= value <= 100:
            raise ValueError("must be from 1e-6 to 100, as a standard deviation")
        return float(value)
    if value not in SCHEMES:
        raise ValueError(f"is neither a standard deviation nor a known scheme{near(str(value), SCHEMES)}")
    return str(value)


def no_augmentation(value: Any) -> None:
    if value is not None:
        raise ValueError("must be null (augment=none); what varies sound is data.train_snr and data.fresh")


Rank = Annotated[int | str, PlainValidator(rank)]
Scheme = Annotated[str | float, PlainValidator(scheme)]
Count = Annotated[int, Field(ge=1, strict=True)]
Depth = Annotated[int, Field(ge=2, strict=True)]
Natural = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Decibels = Annotated[float, Field(ge=-60, le=60)]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Open(BaseModel):
    """A section whose further keys are checked by the class it configures."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


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


def class_name(section: Any) -> str:
    """The class that a section's `_target_` names."""
    return str(section.get("_target_") if isinstance(section, dict) else section).rpartition(".")[2]


AUGMENTATIONS = ("Affine", "Mirror", "Chain")
NETS = ("MLP", "Autoencoder", "Adversaries", "PatchRNN", "Net")
MASK_NETS = ("MaskRNN", "MaskMLP")
TAGS = (*AUGMENTATIONS, "ImageData", "FaceData", "SpeechData", *NETS)  # of the unions, no keys of a config
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


class ImageData(Data):
    num_classes: Count
    num_val: Natural
    keys: Keys = Keys()


class FaceData(Data):
    crop: bool
    split: Annotated[str, one_of("person", "picture")]
    val_share: Share
    test_share: Annotated[float, Field(gt=0, lt=1)]


class SpeechData(Data):
    dataset: Annotated[str, one_of(*SPEECH)]
    passes: Count = 1  # of the training part; it is `noises_per_sentence` that says how often a sentence comes
    augment: Annotated[None, PlainValidator(no_augmentation)] = None
    noises_per_sentence: Count
    test_noises: Count
    train_snr: Annotated[list[Decibels], Field(min_length=2, max_length=2)]
    snr: Decibels
    fresh: bool
    truncate: Annotated[int, Field(ge=2, strict=True)] | None
    memory_gib: NonNegative
    clean: str | None = None
    noise: str | None = None
    val_share: Share = 0.0
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    num_speakers: Annotated[int, Field(ge=3, strict=True)] = 3
    sentences_per_speaker: Count = 1


class Net(Open):
    target: str = Field(alias="_target_")


class MLP(Net):
    hidden: Annotated[list[Count], Field(min_length=1)]
    activation: Annotated[str, one_of(*ACTIVATIONS)]
    batch_norm: bool
    dropout: Share


class Autoencoder(Net):
    hidden: list[Count]
    latent: Count
    activation: Annotated[str, one_of(*ACTIVATIONS)]
    code_activation: Annotated[str, one_of(*CODES)]
    output: Annotated[str, one_of(*OUTPUTS)]


class Adversary(Net):
    """A dense one has hidden widths, a convolutional one a width of its maps."""

    hidden: Annotated[list[Count], Field(min_length=1)] = [1]
    width: Count = 1
    dcgan: bool


class GeneratorNet(Adversary):
    latent: Count


class DiscriminatorNet(Adversary):
    dropout: Share
    spectral_norm: bool


class Adversaries(Strict):
    target: str = Field(alias="_target_")
    generator: GeneratorNet
    discriminator: DiscriminatorNet


class PatchRNN(Net):
    cell: Annotated[str, one_of(*CELLS)]
    num_layers: Count
    units: Count
    dropout: Share


def known_class(*names: str, default: str) -> Any:
    """Tells which of a union's classes a section is for: the one that its `_target_` names, or else the default."""
    return Discriminator(lambda section: class_name(section) if class_name(section) in names else default)


class Model(Open):
    label_smoothing: Share = 0.0
    low: Share = 0.0
    high: Share = 0.0
    objective: Annotated[str, one_of("mse", "log_mse")] = "mse"
    discriminator_lr: Positive | None = None
    real_label: Annotated[float, Field(gt=0.5, le=1)] = 1.0
    fake_label: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    instance_noise: NonNegative = 0.0
    ema: Share = 0.0
    channels_last: bool = False
    distance: Annotated[str, one_of(*DISTANCES)] = "mse"
    free_weight: NonNegative = 0.0
    feedback: Annotated[str, one_of("mean", "sample")] = "mean"
    net: Annotated[
        Annotated[MLP, Tag("MLP")]
        | Annotated[Autoencoder, Tag("Autoencoder")]
        | Annotated[Adversaries, Tag("Adversaries")]
        | Annotated[PatchRNN, Tag("PatchRNN")]
        | Annotated[Net, Tag("Net")],
        known_class(*NETS, default="Net"),
    ]


class Optimizer(Open):
    lr: Positive | None
    weight_decay: NonNegative


class Trainer(Open):
    max_epochs: Natural
    gradient_clip_val: Positive | None
    devices: int | str
    strategy: str = "auto"


class Baseline(Strict):
    experiment: str
    overrides: list[str]


class Reference(Strict):
    experiment: Annotated[str, PlainValidator(experiment)]
    overrides: list[str] = []
    seed: Seed | None = None  # None: that of the run which asks


class Sweep(Strict):
    x: str | None
    y: Annotated[list[str], Field(min_length=1)]
    history: list[str] = []
    pictures: list[str] = []


class RunConfig(Strict):
    # what only some experiments have; first, as other settings depend on it
    baseline: Baseline | None = None
    start: dict[str, Any] | None = None
    references: Annotated[list[Reference], AfterValidator(distinct)] = []
    drop_epoch: Count | None = None
    rank: Rank | None = None
    ranks: list[Rank] | None = None
    compression: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    inner_bias: bool = False
    ordered_start: bool = False
    noise: Share | None = None
    flip: Annotated[str, one_of(*FLIPS)] = "symmetric"
    remedy: str | None = None
    layers: Count | None = None
    units: Count | None = None
    cell: Annotated[str, one_of(*CELLS)] = "lstm"
    distance: Annotated[str, one_of(*DISTANCES)] = "mse"
    early_stop_on: Annotated[str, one_of("val", "test")] = "val"
    l2: NonNegative | None = None
    inits: Annotated[int, Field(ge=1, le=6, strict=True)] | None = None
    samples_per_epoch: Count | None = None
    grid_size: Annotated[int, Field(ge=5, le=500, strict=True)] | None = None
    subset: Count | None = None
    schemes: Annotated[list[Scheme], Field(min_length=1), AfterValidator(distinct)] | None = None
    depths: Annotated[list[Depth], Field(min_length=1), AfterValidator(distinct)] | None = None
    draws: Annotated[int, Field(ge=2, strict=True)] | None = None
    latent: Annotated[int, Field(ge=1, le=4096, strict=True)] | None = None
    recipe: str | None = None
    corruption: Annotated[list[Share], Field(min_length=1), AfterValidator(distinct)] | None = None
    steps: Natural | None = None
    truncation: Annotated[str, one_of("plain", "whitened")] = "plain"
    projection: Annotated[str, one_of("subspace", "exact")] = "subspace"
    # what every run has
    name: str
    seed: Seed
    resume: str | None
    ckpt_path: str | None
    test: bool = True
    optimized_metric: str
    sweep: Sweep
    paths: dict[str, str]
    data: Annotated[
        Annotated[ImageData, Tag("ImageData")]
        | Annotated[FaceData, Tag("FaceData")]
        | Annotated[SpeechData, Tag("SpeechData")],
        known_class("FaceData", "SpeechData", default="ImageData"),
    ]
    model: Model
    optimizer: Optimizer
    scheduler: dict[str, Any]
    trainer: Trainer
    callbacks: dict[str, Any]
    logger: dict[str, Any]


def validate(cfg: DictConfig) -> None:
    """Refuse a config that cannot run.

    Raises:
        UserError: one line that names the key, its value, what is allowed, and the file the key comes from.
    """
    check_kind(cfg)
    try:
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        if "data.num_classes" in str(error):
            raise UserError(
                f"data={cfg.data.dataset}: {cfg.name} tells classes apart, and these have none; choose an experiment "
                "on faces (face_autoencoder, eigenfaces, face_denoising), or data with classes (data=digits)"
            ) from error
        raise UserError(str(error).splitlines()[0]) from error
    try:
        config = RunConfig.model_validate(plain)
    except ValidationError as error:
        raise UserError(first_line(error)) from error
    check_ranks(config)
    check_latent(config)
    check_adversaries(config)
    check_patches(config)
    check_corruption(config)
    check_rate(config)
    check_drop(config)
    check_test(config)
    check_side_by_side(config)
    check_data_folder(config.data)
    check_speech(config.data)
    if config.data.dataset == "npz":
        check_own_data(config.data)
    else:  # whether a file has a validation part of its own is seen when it is read
        splits = {"val": has_validation(config.data), "test": config.data.test_every_epoch}
        check_monitors(config.callbacks, [split for split, measured in splits.items() if measured])


def check_kind(cfg: DictConfig) -> None:
    """Sound is for networks that estimate masks, and nothing else is; before values that depend on the kind."""
    is_sound = class_name(OmegaConf.select(cfg, "data._target_")) == "SpeechData"
    takes_sound = class_name(OmegaConf.select(cfg, "model.net._target_")) in MASK_NETS
    if is_sound and not takes_sound:
        raise UserError(
            f"data={cfg.data.dataset}: {cfg.name} is for images, and this is sound; choose an experiment on speech "
            "(ibm_denoiser), or images (data=digits)"
        )
    if takes_sound and not is_sound:
        raise UserError(
            f"data={cfg.data.dataset}: {cfg.name} takes noise from speech, and these are images; choose "
            f"{', '.join(f'data={name}' for name in SPEECH)}"
        )


def first_line(error: ValidationError) -> str:
    """The first of pydantic's complaints as `key=value: what is allowed`."""
    detail = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in detail["loc"] if part not in TAGS)  # pydantic tells which of a union
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"unknown key {key}{near(key, RunConfig.model_fields)}"
    message = message.replace("Input should be", "must be")
    return f"{key}={detail['input']}: {message} (see `--cfg job` for the whole config)"


def check_ranks(config: RunConfig) -> None:
    """A rank must fit at least one of the layers it is for; each layer caps it at its own full rank."""
    if not isinstance(config.model.net, MLP) or not isinstance(config.data, ImageData):
        return
    sizes = [config.data.num_features, *config.model.net.hidden]
    largest = max(min(pair) for pair in pairwise(sizes))
    for key, value in [("rank", config.rank), *(("ranks", value) for value in config.ranks or [])]:
        if isinstance(value, int) and value > largest:
            widths = "-".join(str(size) for size in [*sizes, config.data.num_classes])
            raise UserError(f"{key}={value}: larger than every layer of {widths}; must be 1 to {largest}, or full")


def check_latent(config: RunConfig) -> None:
    """A code of more numbers than the image has pixels keeps all of it."""
    if not isinstance(config.model.net, Autoencoder):
        return
    if config.latent is not None and config.latent > config.data.num_features:
        raise UserError(
            f"latent={config.latent}: larger than the image's {config.data.num_features} pixels; "
            f"must be 1 to {config.data.num_features}"
        )


def check_adversaries(config: RunConfig) -> None:
    """A generator with BatchNorm needs batches of two or more, images of its own size, and an optimizer a network."""
    if not isinstance(config.model.net, Adversaries):
        return
    if config.data.batch_size < 2:
        raise UserError(
            "data.batch_size=1: must be 2 or more; the generator's BatchNorm normalises by the batch's statistics"
        )
    if config.data.num_features != 784:
        raise UserError(
            f"data={config.data.dataset}: {config.name} makes images of 28 x 28, and these have "
            f"{config.data.num_features} pixels; choose data=fashion_mnist, mnist, digits or npz"
        )
    if config.trainer.gradient_clip_val is not None:
        raise UserError(
            f"trainer.gradient_clip_val={config.trainer.gradient_clip_val}: must be null for a GAN, whose two "
            "optimizers Lightning does not clip for"
        )
    if "ddp" in config.trainer.strategy:
        raise UserError(
            f"trainer.strategy={config.trainer.strategy}: a GAN trains in one process; its two steps would not be "
            "averaged over several (trainer=auto, cpu or gpu)"
        )


def check_patches(config: RunConfig) -> None:
    """Images are cut into 4 x 4 patches of 7 x 7 pixels, which a sigmoid gives back."""
    if not isinstance(config.model.net, PatchRNN):
        return
    if config.data.num_features != 784:
        raise UserError(
            f"data={config.data.dataset}: {config.name} cuts images of 28 x 28 into patches of 7 x 7, and these have "
            f"{config.data.num_features} pixels; choose data=mnist_50000, mnist, fashion_mnist, digits or npz"
        )
    if getattr(config.data, "standardised", True):
        raise UserError("data.standardised=true: must be false; the network's output is a sigmoid, for pixels in 0..1")


def check_corruption(config: RunConfig) -> None:
    """The shares of zeroed pixels that a denoiser is trained on are an interval."""
    if config.model.low > config.model.high:
        raise UserError(f"model.low={config.model.low}: must be at most model.high, which is {config.model.high}")


def check_rate(config: RunConfig) -> None:
    """A rate that is not given must be found by something."""
    if config.optimizer.lr is None and not config.callbacks.get("range_test"):
        raise UserError("optimizer.lr=null: there is no callbacks.range_test to find it; give a number, such as 1e-3")


def check_drop(config: RunConfig) -> None:
    """The learning rate must fall before training ends, and a plateau have a length."""
    plateaus = {"scheduler": config.scheduler, "callbacks.early_stopping": config.callbacks.get("early_stopping") or {}}
    for place, section in plateaus.items():
        patience, min_delta = section.get("patience", 1), section.get("min_delta", 0)
        if not isinstance(patience, int) or patience < 1:
            raise UserError(f"{place}.patience={patience}: must be a whole number of epochs, at least 1")
        if not isinstance(min_delta, int | float) or not 0 <= min_delta < float("inf"):
            raise UserError(f"{place}.min_delta={min_delta}: must be a fall of the loss in nats, at least 0")
    if config.drop_epoch is not None and config.drop_epoch >= config.trainer.max_epochs:
        raise UserError(
            f"drop_epoch={config.drop_epoch}: must be below the {config.trainer.max_epochs} epochs of "
            "trainer.max_epochs, or null, for the plateau"
        )


def check_test(config: RunConfig) -> None:
    """With `test=false` nothing else may look at the test set either."""
    if config.test:
        return
    if config.early_stop_on == "test":
        raise UserError("test=false: early_stop_on=test would look at the test set after each epoch; must be val")
    if config.data.test_every_epoch:
        raise UserError("test=false: data.test_every_epoch must be false too")
    if config.baseline is not None:
        raise UserError(f"test=false: {config.name} starts from a baseline, which is judged on the test set")


def check_side_by_side(config: RunConfig) -> None:
    """What several networks can be trained with and each come out as if alone, and what a plane of parameters holds."""
    if config.inits is None:
        return
    if getattr(config.model.net, "batch_norm", False):
        raise UserError(
            "model.net.batch_norm=true: must be false for a landscape; running statistics are no parameters, and the "
            "plane has no place for them"
        )
    if config.inits > 1 and config.trainer.gradient_clip_val is not None:
        raise UserError(
            f"trainer.gradient_clip_val={config.trainer.gradient_clip_val}: must be null with inits={config.inits}; "
            "the norm of all networks' gradients together would bind them to each other"
        )


def has_validation(data: ImageData | FaceData | SpeechData) -> bool:
    if isinstance(data, SpeechData):
        return data.dataset != "speech_folders" or data.val_share > 0
    return data.val_share > 0 if isinstance(data, FaceData) else data.num_val > 0


def check_data_folder(data: ImageData | FaceData | SpeechData) -> None:
    """The data's folder must be there; `data/` itself is made on demand and downloaded into."""
    if isinstance(data, SpeechData):  # is not downloaded: see check_speech
        return
    if isinstance(data, FaceData) and data.path is not None:
        if not Path(data.path).exists():
            raise UserError(f"data.path={data.path} does not exist; must be a folder of images or a .npz file")
        return
    if data.root is None or data.root == "data":
        return
    root = Path(data.root)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise UserError(
            f"data.root={root} {what}; make it (the data is downloaded into it), set DLHW_DATA_DIR, "
            f"or use data={'synthetic_faces' if isinstance(data, FaceData) else 'digits'}, which needs no files"
        )


def check_speech(data: Data) -> None:
    """The range of SNRs must be one, and the files be where they are looked for."""
    if not isinstance(data, SpeechData):
        return
    low, high = data.train_snr
    if low > high:
        raise UserError(f"data.train_snr=[{low:g},{high:g}]: must be the lowest and the highest, in dB")
    wanted = {
        "ibm_course": {"path": "the assignment's folder, with tr/trx0000.wav and so on"},
        "speech_folders": {"clean": "a folder of clean recordings", "noise": "a folder of noises"},
    }
    for key, what in wanted.get(data.dataset, {}).items():
        folder = getattr(data, key)
        if folder is None:
            raise UserError(f"data={data.dataset}: data.{key} is missing; must be {what}")
        if not Path(folder).is_dir():
            raise UserError(f"data.{key}={folder}: there is no such folder; must be {what}")
    if data.dataset in ("speech", "speech_matched") and not (Path(data.path or ".") / "manifest.csv").is_file():
        raise UserError(
            f"there is no {Path(data.path or '.') / 'manifest.csv'}; set DLHW_DATA_DIR to a folder with "
            "speech/manifest.csv in it, data.path to one with manifest.csv, or use data=synthetic_speech, which needs "
            "no files"
        )


def check_own_data(data: Data) -> None:
    """The file or folder of `data=npz` must be there, and the networks must expect its images."""
    if data.path is None:
        raise UserError(
            "data=npz: data.path is missing; give a .npz file with images and labels to train and to test on, "
            "or a folder of .npy files with them (docs/your-own-data.md)"
        )
    if not Path(data.path).exists():
        raise UserError(f"data.path={data.path} does not exist; must be a .npz file, or a folder of .npy files")
    if data.num_features != 784:
        raise UserError(f"data.num_features={data.num_features}: the images of data=npz have 28 x 28; must be 784")


def check_monitors(callbacks: Mapping[str, Any], splits: Sequence[str]) -> None:
    """What a callback chooses or stops by must be measured: val/* takes a validation part, test/* a test each epoch."""
    for name, settings in callbacks.items():
        monitor = settings.get("monitor") if isinstance(settings, Mapping) else None
        if str(monitor).startswith("val/") and "val" not in splits:
            raise UserError(
                f"callbacks.{name}.monitor={monitor}: there is no validation part; set data.num_val to its size, "
                f"or watch another (callbacks.{name}.monitor=train/loss callbacks.{name}.mode=min)"
            )
        if str(monitor).startswith("test/") and "test" not in splits:
            raise UserError(
                f"callbacks.{name}.monitor={monitor}: the test set is not looked at after each epoch; set "
                "data.test_every_epoch=true, or watch another"
            )
