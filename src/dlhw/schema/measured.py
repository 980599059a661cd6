"""What a run measures, as far as that is known before it runs; by nothing else can it choose, stop or be compared."""

from fnmatch import fnmatchcase

from dlhw.errors import UserError, in_short, near
from dlhw.metrics.names import higher_is_better
from dlhw.schema.fields import class_name
from dlhw.schema.run import RunConfig

LISTER = "`metrics.csv` of a run"
PARTS = ("train", "val", "test")
# By each kind of module, of these parts
CLASSIFIER: dict[tuple[str, ...], tuple[str, ...]] = {PARTS: ("loss", "acc")}
MODULES: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {
    "Classifier": CLASSIFIER,
    "CoTeaching": CLASSIFIER,
    "EarlyLearning": CLASSIFIER,
    "RobustClassifier": CLASSIFIER,
    "SideBySideClassifier": CLASSIFIER,
    "Reconstruction": {PARTS: ("loss",)},
    "Denoising": {PARTS: ("loss",)},
    "Gan": {PARTS: ("discriminator_loss", "real_score", "fake_score"), PARTS[:1]: ("generator_loss", "spread")},
    "MaskEstimator": {PARTS: ("loss",), PARTS[1:]: ("snr", "hard_snr", "mixture_snr")},
    "NextPatch": {PARTS: ("loss", "mse"), PARTS[:1]: ("free_loss",), PARTS[1:]: ("free_mse",)},
}
SPANS = ("fc1", "fc1_within_faces", "fc2")
# By callbacks, after each epoch or every few
EPOCHS = {
    "Energy": ("energy/kwh", "energy/co2eq_g"),
    "Memorisation": ("right/acc", "wrong/memorised", "wrong/seen_through"),
    "SampleQuality": ("val/{judge}_frechet", "val/{judge}_classes"),
    "SilentCodes": ("codes/silent", "codes/open"),
    "SpanAngles": (
        "span/excess", *(f"span/{layer}_{angle}" for layer in SPANS for angle in ("largest", "median")),
    ),
}  # fmt: skip
# And of the test part once, at the end; what has another name is theirs too, and not foreseen
AT_THE_END = {
    "CompletionReport": ("test/legibility",),
    "DenoisingReport": ("test/si_sdr", "test/stoi"),
    "QualityReport": (
        "test/{judge}_frechet", "test/{judge}_precision", "test/{judge}_recall", "test/{judge}_classes",
        "test/{judge}_rarest", "test/checkerboard", "test/nearest", "test/memorised",
    ),
}  # fmt: skip


def check_monitored(config: RunConfig) -> None:
    """What a callback chooses or stops by is measured after each epoch, and the better end of it meant."""
    known = after_each_epoch(config) if is_foreseen(config) else None
    for name, settings in config.callbacks.items():
        if settings is None or settings.get("monitor") is None:
            continue
        monitor = in_short(settings["monitor"])
        if known is not None and monitor not in known:
            raise UserError(
                f"callbacks.{name}.monitor={monitor}: is not measured after each epoch{near(monitor, known, LISTER)}"
            )
        mode, best = settings.get("mode", "min"), better(monitor)
        if mode not in best:
            raise UserError(
                f"callbacks.{name}.mode={in_short(mode)}: must be {' or '.join(best)}, to choose the best {monitor}"
            )


def check_compared(config: RunConfig) -> None:
    """What a sweep compares by, of a part of the data, is measured of it, or would be by a callback left out."""
    if not is_foreseen(config):
        return
    known = after_each_epoch(config) | by_callbacks(config, EPOCHS | AT_THE_END) | {"epoch", "lr"}
    left_out = [name.replace("{judge}", "*") for names in (EPOCHS | AT_THE_END).values() for name in names]
    sweep = config.sweep
    wanted = {"optimized_metric": [config.optimized_metric], "sweep.x": [sweep.x] if sweep.x else []}
    for key, names in (wanted | {"sweep.y": sweep.y, "sweep.history": sweep.history}).items():
        for name in names:
            foreseen = name.partition("/")[0] in PARTS or "/" not in name
            if foreseen and not any(fnmatchcase(name, pattern) for pattern in (*known, *left_out)):
                raise UserError(f"{key}={in_short(name)}: is not measured{near(name, known, LISTER)}")


def is_foreseen(config: RunConfig) -> bool:
    """Whether all that measures is of this project, and not the user's own."""
    targets = [config.model.class_, *(section["_target_"] for section in config.callbacks.values() if section)]
    return class_name(targets[0]) in MODULES and all(one.startswith(("dlhw.", "pytorch_lightning.")) for one in targets)


def after_each_epoch(config: RunConfig) -> set[str]:
    own = MODULES[class_name(config.model.class_)]
    names = {f"{part}/{name}" for parts, names in own.items() for part in parts for name in names}
    return names | by_callbacks(config, EPOCHS, rare=False)


def by_callbacks(config: RunConfig, table: dict[str, tuple[str, ...]], rare: bool = True) -> set[str]:
    """What the run's callbacks measure by a table; where not `rare`, only of those that measure after each epoch."""
    sections = [section for section in config.callbacks.values() if section and (rare or section.get("every", 1) == 1)]
    return {
        name.format(judge=section.get("judge")) for section in sections for name in table.get(class_name(section), ())
    }


def better(name: str) -> tuple[str, ...]:
    """Which end of a metric is the better one; both where its name does not tell."""
    if not higher_is_better(name):
        return ("min",)
    return ("max",) if name.endswith(("acc", "snr")) else ("min", "max")
