"""Settings that depend on one another, each held against the other."""

import re
from importlib.util import find_spec
from itertools import pairwise

from dlhw.errors import UserError, in_short, needs
from dlhw.schema.data import ImageData
from dlhw.schema.fields import class_name
from dlhw.schema.measured import check_compared, check_monitored
from dlhw.schema.models import Denoising
from dlhw.schema.nets import MLP, Adversaries, Autoencoder, PatchRNN
from dlhw.schema.run import RunConfig

# What Lightning puts measured values into, at a width that fits a name
CHECKPOINT_NAME = re.compile(r"(?!\.)([\w =.,+-]|\{[\w/]+(:0?\d?\d?(\.\d)?[defg]?)?\}){1,100}")
# Lightning's, and the packages that they need
LOGGERS = {"MLFlowLogger": "mlflow", "TensorBoardLogger": "tensorboard", "WandbLogger": "wandb"}


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
    if config.trainer.accumulate_grad_batches != 1:
        raise UserError(
            f"trainer.accumulate_grad_batches={config.trainer.accumulate_grad_batches}: must be 1 for a GAN, which "
            "steps its two optimizers itself; choose a larger data.batch_size"
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
    if isinstance(config.model, Denoising) and config.model.low > config.model.high:
        raise UserError(f"model.low={config.model.low}: must be at most model.high, which is {config.model.high}")


def check_judges(config: RunConfig) -> None:
    """Who is to judge must be among the references, which are trained first."""
    judges = [reference.experiment for reference in config.references]
    for name, settings in config.callbacks.items():
        judge = settings.get("judge") if isinstance(settings, dict) else None
        if judge is not None and judges.count(judge) != 1:
            known = ", ".join(judges) or "there are none"
            raise UserError(
                f"callbacks.{name}.judge={in_short(judge)}: must be among the references ({known}), and once; "
                f"add it to them, or take the judging out by callbacks.{name}=null"
            )


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
            raise UserError(f"{place}.patience={in_short(patience)}: must be a whole number of epochs, at least 1")
        if not isinstance(min_delta, int | float) or not 0 <= min_delta < float("inf"):
            raise UserError(f"{place}.min_delta={in_short(min_delta)}: must be a fall of the loss in nats, at least 0")
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


def check_checkpoints(config: RunConfig) -> None:
    """Checkpoints lie in the run's own folder, under names that are no paths."""
    for name, settings in config.callbacks.items():
        if settings is None or class_name(settings) != "ModelCheckpoint":
            continue
        if settings.get("dirpath") is not None:
            raise UserError(f"callbacks.{name}.dirpath={settings['dirpath']!r}: must be null; it is checkpoints/")
        filename = settings.get("filename")
        if filename is not None and not CHECKPOINT_NAME.fullmatch(str(filename)):
            raise UserError(
                f"callbacks.{name}.filename={filename!r}: must be a file's name, such as best or "
                "'{epoch}-{val/acc:.4f}' with auto_insert_metric_name=false"
            )


def check_loggers(config: RunConfig) -> None:
    """A logger's package must be installed, and its files stay in the run's folder."""
    for name, section in config.logger.items():
        package = LOGGERS.get(str(section.get("_target_")).rpartition(".")[2])
        if package is not None and find_spec(package) is None:
            raise UserError(f"logger={name} {needs(package, 'loggers')}")
        for key in ("name", "sub_dir", "version"):
            if re.search(r"[/\\]|^\.\.?$", str(section.get(key))):
                raise UserError(f"logger.{name}.{key}={section[key]}: must be a name without path separators")


CHECKS = (
    check_ranks, check_latent, check_adversaries, check_patches, check_corruption, check_judges, check_rate, check_drop,
    check_test, check_side_by_side, check_checkpoints, check_loggers, check_monitored, check_compared,
)  # fmt: skip
