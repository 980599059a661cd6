"""What wrong input gets: one line, a non-zero exit code, nothing half-written, and before torch is imported."""

import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import hypothesis
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, InstantiationException
from hypothesis import strategies as st
from omegaconf import OmegaConf

from dlhw.config import compose_config, experiments
from dlhw.errors import UserError
from dlhw.explain import explained, flat_keys, is_readable, unreadable
from dlhw.schema import validate
from tests.helpers import error_line

FACES = ("experiment=face_autoencoder", "data=synthetic_faces")
DENOISING = ("experiment=face_denoising", "data=synthetic_faces")
MLP = ("experiment=mnist_mlp", "data=digits")
STE = ("experiment=svd_ste", "data=digits")
GAN = ("experiment=gan_dense", "data=digits")
PATCHES = ("experiment=patch_lstm", "data=digits")
SPEECH = ("experiment=ibm_denoiser", "data=synthetic_speech")
LANDSCAPE = ("experiment=loss_landscape", "data=digits")
WHOLE = "must be a whole number of at least 1, or full"

# arguments -> what the error line must say: what is wrong, and what is allowed or near
WRONG: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "code of no numbers": ((*FACES, "latent=0"), ("latent=0:", "greater than or equal to 1")),
    "code larger than the image": ((*FACES, "latent=4097"), ("latent=4097:", "4096")),
    "code larger than a small image": (
        ("experiment=fashion_autoencoder", "data=digits", "latent=800"),
        ("latent=800:", "784 pixels", "1 to 784"),
    ),
    "all pixels zeroed": ((*DENOISING, "corruption=[0.5,1.0]"), ("corruption.1=1.0:", "less than 1")),
    "negative corruption": ((*DENOISING, "corruption=[-0.1]"), ("corruption.0=-0.1:", "greater than or equal to 0")),
    "the same corruption twice": ((*DENOISING, "corruption=[0.5,0.5]"), ("corruption=", "twice")),
    "corruption in training": ((*DENOISING, "model.high=1"), ("model.high=1:", "less than 1")),
    "corruption upside down": ((*DENOISING, "model.low=0.8", "model.high=0.5"), ("model.low=0.8:", "0.5")),
    "unknown split": ((*FACES, "data.split=people"), ("data.split=people:", "did you mean person")),
    "no test part": ((*FACES, "data.test_share=0"), ("data.test_share=0:", "greater than 0")),
    "unknown recipe": ((*FACES, "recipe=centered"), ("unknown recipe 'centered'", "did you mean centred")),
    "faces from nowhere": (
        ("experiment=face_autoencoder", "data.path=/nowhere"),
        ("data.path=/nowhere does not exist", "folder of images or a .npz"),
    ),
    "faces for a classifier": (
        ("experiment=mnist_mlp", "data=synthetic_faces"),
        ("data=synthetic_faces:", "face_autoencoder", "data=digits"),
    ),
    "a rate that nothing finds": (
        ("experiment=mnist_mlp", "data=digits", "optimizer.lr=null"),
        ("optimizer.lr=null:", "range_test", "1e-3"),
    ),
    "faces without a validation part": (
        (*FACES, "data.val_share=0"),
        ("callbacks.checkpoint.monitor=val/loss", "no validation part"),
    ),
    "unknown experiment": (("experiment=svd_sta",), ("unknown experiment 'svd_sta'", "did you mean svd_ste")),
    "strange experiment": (("experiment=qqqq",), ("unknown experiment 'qqqq'", "`python train.py` tells")),
    "keys that are nowhere near": ((*MLP, "qqqq=3"), ("unknown key 'qqqq'; `python train.py", "--cfg job`")),
    "a key by its last name": ((*MLP, "epochs=3"), ("unknown key 'epochs'; did you mean trainer.max_epochs?",)),
    "a group mistyped": ((*MLP, "experimnt=svd_ste"), ("unknown key 'experimnt'; did you mean experiment?",)),
    "a launcher mistyped": ((*MLP, "hydra/launchr=joblib"), ("did you mean hydra/launcher?",)),
    "unknown callback": ((*MLP, "callbacks.chekpoint.mode=max"), ("did you mean callbacks.checkpoint?",)),
    "strange callback": ((*MLP, "callbacks.x.y=3"), ("unknown key 'callbacks.x'; callbacks has: checkpoint, ",)),
    "a callback that is a number": ((*MLP, "callbacks.checkpoint=3"), ("callbacks.checkpoint=3: must be a section",)),
    "a callback that calls nothing": ((*MLP, "+callbacks.mine.x=3"), ("callbacks.mine={'x': 3}: must have a _target",)),
    "options too many to list": ((*MLP, "callbacks=foo"), ("unknown callbacks 'foo'; `python train.py --help`",)),
    "no option": ((*MLP, "optimizer=null"), ("optimizer=null: must be the name of an option", "adam, adamw, sgd")),
    "an option without what its values come from": (
        (*MLP, "augment=by_capacity"),
        ("data.augment.degrees: is taken from compression",),
    ),
    "deleted setting": ((*MLP, "~optimizer.lr"), ("optimizer.lr is missing",)),
    "deleted group": ((*MLP, "~optimizer"), ("optimizer._target_ is missing",)),
    "deleted nothing": ((*MLP, "~nope"), ("unknown key 'nope'",)),
    "a value left to others": ((*MLP, "seed=???"), ("seed:", "Missing mandatory value")),
    "an empty value": ((*STE, "rank="), ("rank=:", WHOLE)),
    "null for a number": ((*STE, "seed=null"), ("seed=null: must be a whole number",)),
    "a seed with an exponent": ((*STE, "seed=1e3"), ("seed=1000.0: must be a whole number",)),
    "a list for a number": ((*MLP, "optimizer.lr=[1,2]"), ("optimizer.lr=[1, 2]: must be a number",)),
    "a number for a list": ((*MLP, "model.net.hidden=100"), ("model.net.hidden=100: must be a list, such as [1,2]",)),
    "words for a section": ((*MLP, "model.net=mlp"), ("model.net=mlp: must be a section of keys",)),
    "unknown baseline": (
        ("experiment=svd_finetune", "data=digits", "baseline.experiment=svd_bseline"),
        ("baseline.experiment=svd_bseline:", "did you mean svd_baseline"),
    ),
    "a setting that no baseline has": (
        ("experiment=svd_finetune", "data=digits", "baseline.overrides=['trainer.max_epoch=1']"),
        ("baseline.overrides=", "unknown key 'trainer.max_epoch'; did you mean trainer.max_epochs?"),
    ),
    "a list without -m": ((*STE, "rank=3,4"), ("rank=3,4:", "python train.py -m ... rank=3,4", "rank=[3,4]")),
    "a range without -m": ((*STE, "seed=range(3)"), ("seed=range(3):", "python train.py -m")),
    "overrides without quotes": (
        ("experiment=svd_finetune", "baseline.overrides=[trainer.max_epochs=1]"),
        ("cannot be read; write 'baseline.overrides=[\"trainer.max_epochs=1\"]'",),
    ),
    "a path with an umlaut": (
        (*MLP, "paths.baselines=/tmp/ä"),
        ("paths.baselines=/tmp/ä cannot be read; write 'paths.baselines=\"/tmp/ä\"'",),
    ),
    "spaces around the =": (("experiment", "=", "mnist_mlp"), ("'experiment' is not key=value; write experiment=",)),
    "an experiment without its group": (("mnist_mlp",), ("not key=value; did you mean experiment=mnist_mlp?",)),
    "unknown key": ((*STE, "rnak=3"), ("unknown key 'rnak'", "did you mean rank")),
    "unknown key in a group": ((*STE, "optimizer.lrr=1"), ("unknown key 'optimizer.lrr'", "optimizer.lr")),
    "added key": ((*STE, "+rnak=3"), ("unknown key rnak", "did you mean rank")),
    "rank of an experiment without one": (("experiment=mnist_mlp", "rank=3"), ("unknown key 'rank'",)),
    "rank 0": ((*STE, "rank=0"), ("rank=0:", WHOLE)),
    "negative rank": ((*STE, "rank=-3"), ("rank=-3:", WHOLE)),
    "rank in words": ((*STE, "rank=abc"), ("rank=abc:", WHOLE)),
    "rank with a fraction": ((*STE, "rank=1.5"), ("rank=1.5:", WHOLE)),
    "rank as a truth": ((*STE, "rank=true"), ("rank=true:", WHOLE)),
    "rank above all layers": ((*STE, "rank=2000"), ("rank=2000: larger than every layer", "1 to 1024, or full")),
    "one of the ranks": (
        ("experiment=svd_truncate", "data=digits", "ranks=[10,0]"),
        ("ranks.1=0:", WHOLE),
    ),
    "no rank": (("experiment=svd_truncate", "data=digits", "ranks=[]"), ("ranks=[]: must have at least 1 item",)),
    "no widths": (
        ("experiment=face_inpainting", "data=synthetic_faces", "model.net.widths=[]"),
        ("model.net.widths=[]: must have at least 1 item",),
    ),
    "negative compression": (
        ("experiment=lowrank", "data=digits", "compression=-2"),
        ("compression=-2:", "greater than or equal to 1"),
    ),
    "compression below 1": (
        ("experiment=lowrank", "data=digits", "compression=0.5"),
        ("compression=0.5:", "greater than or equal to 1"),
    ),
    "compression nan": (
        ("experiment=lowrank", "data=digits", "compression=nan"),
        ("compression=nan:", "finite"),
    ),
    "negative rate": ((*STE, "optimizer.lr=-1"), ("optimizer.lr=-1:", "greater than 0")),
    "zero rate": ((*STE, "optimizer.lr=0"), ("optimizer.lr=0:", "greater than 0")),
    "a metric that is not measured": (
        (*MLP, "callbacks.checkpoint.monitor=val/nope"),
        ("callbacks.checkpoint.monitor=val/nope: is not measured after each epoch; did you mean val/loss or val/acc?",),
    ),
    "stopping by what is not measured": (
        (*PATCHES, "callbacks.early_stopping.monitor=val/msee"),
        ("callbacks.early_stopping.monitor=val/msee: is not measured", "did you mean val/mse"),
    ),
    "choosing by what is measured now and then": (
        (*GAN, "++callbacks.checkpoint._target_=pytorch_lightning.callbacks.ModelCheckpoint",
         "++callbacks.checkpoint.monitor=val/small_cnn_frechet"),
        ("callbacks.checkpoint.monitor=val/small_cnn_frechet: is not measured after each epoch",),
    ),
    "the worst epoch": (
        (*MLP, "callbacks.checkpoint.monitor=val/loss"),
        ("callbacks.checkpoint.mode=max: must be min, to choose the best val/loss",),
    ),
    "an end that no metric has": (
        (*PATCHES, "callbacks.early_stopping.mode=minn"),
        ("callbacks.early_stopping.mode=minn: must be min, to choose the best val/mse",),
    ),
    "optimising what is not measured": (
        (*MLP, "optimized_metric=val/accc"),
        ("optimized_metric=val/accc: is not measured; did you mean val/acc",),
    ),
    "optimising a word": ((*MLP, "optimized_metric=nope"), ("optimized_metric=nope: is not measured; known: ",)),
    "a sweep of what is not measured": (
        (*SPEECH, "sweep.y=[test/stoii]"),
        ("sweep.y=test/stoii: is not measured; did you mean test/stoi",),
    ),
    "a history of what is not measured": (
        (*MLP, "sweep.history=[train/losss]"),
        ("sweep.history=train/losss: is not measured; did you mean train/loss",),
    ),
    "unknown precision": ((*MLP, "trainer.precision=banana"), ("trainer.precision=banana: is not known; known: 16, ",)),
    "unknown accelerator": ((*MLP, "trainer.accelerator=gpuu"), ("trainer.accelerator=gpuu:", "did you mean gpu")),
    "no device": ((*MLP, "trainer.devices=0"), ("trainer.devices=0: must be a number of devices, auto, or a list",)),
    "unknown strategy": ((*MLP, "trainer.strategy=dp"), ("trainer.strategy=dp: is not known; did you mean ddp?",)),
    "a time in words": ((*MLP, "trainer.max_time=3h"), ("trainer.max_time=3h: must be days:hours:minutes:seconds",)),
    "more batches than all": (
        (*MLP, "trainer.limit_train_batches=1.5"),
        ("trainer.limit_train_batches=1.5: must be a number of batches, such as 10, or the share",),
    ),
    "fewer batches than none": ((*MLP, "trainer.limit_test_batches=-1"), ("limit_test_batches=-1: must be a number",)),
    "no batches for ever": ((*MLP, "trainer.overfit_batches=null"), ("trainer.overfit_batches=null: must be a",)),
    "validation at no time": ((*MLP, "+trainer.val_check_interval=0"), ("trainer.val_check_interval=0: must be a",)),
    "epochs that nobody judges": ((*MLP, "+trainer.check_val_every_n_epoch=2"), ("every_n_epoch=2: must be 1",)),
    "no batch a step": ((*MLP, "trainer.accumulate_grad_batches=0"), ("accumulate_grad_batches=0: must be greater",)),
    "gradients of several batches of a GAN": (
        (*GAN, "trainer.accumulate_grad_batches=2"),
        ("trainer.accumulate_grad_batches=2: must be 1 for a GAN", "data.batch_size"),
    ),
    "unknown clipping": (
        (*MLP, "+trainer.gradient_clip_algorithm=nrom"),
        ("trainer.gradient_clip_algorithm=nrom: is not known; did you mean norm?",),
    ),
    "half a debug run": ((*MLP, "trainer.fast_dev_run=maybe"), ("trainer.fast_dev_run=maybe: must be true, false or",)),
    "unknown profiler": ((*MLP, "trainer.profiler=simpel"), ("trainer.profiler=simpel:", "did you mean simple?")),
    "unknown key of the trainer": (
        (*MLP, "+trainer.accumulate_grad_batch=2"),
        ("unknown key trainer.accumulate_grad_batch; did you mean accumulate_grad_batches",),
    ),
    "what a run sets itself": ((*MLP, "+trainer.logger=true"), ("trainer.logger: is set by the run itself",)),
    "rate nan": ((*STE, "optimizer.lr=nan"), ("optimizer.lr=nan:", "finite")),
    "unknown data": (("experiment=svd_ste", "data=digit"), ("unknown data 'digit'", "did you mean digits")),
    "unknown data set": ((*STE, "data.dataset=mist"), ("data.dataset=mist:", "did you mean mnist")),
    "unknown model": ((*STE, "model=mpl"), ("unknown model 'mpl'", "did you mean mlp")),
    "unknown optimizer": ((*STE, "optimizer=adm"), ("unknown optimizer 'adm'", "did you mean adam")),
    "unknown activation": ((*STE, "model.net.activation=rleu"), ("model.net.activation=rleu:", "relu")),
    "unknown projection": ((*STE, "projection=exat"), ("projection=exat:", "did you mean exact")),
    "empty network": ((*STE, "model.net.hidden=[]"), ("model.net.hidden=[]:", "at least 1")),
    "dropout of all": ((*STE, "model.net.dropout=1"), ("model.net.dropout=1:", "less than 1")),
    "a truth for a number": ((*STE, "optimizer.lr=true"), ("optimizer.lr=true: must be a number",)),
    "a word for a truth": ((*STE, "test=off"), ("test=off: must be true or false",)),
    "a comma too many": ((*STE, "seed=1,,2"), ("seed=1,,2 cannot be read; write seed=1,2",)),
    "negative seed": ((*STE, "seed=-1"), ("seed=-1:", "greater than or equal to 0")),
    "classes that others have": ((*MLP, "data.num_classes=5"), ("data.num_classes=5: must be 10, as data=digits",)),
    "pixels that others have": ((*MLP, "data.num_features=783"), ("data.num_features=783: must be 784",)),
    "a network for other images": (
        (*MLP, "model.net.num_inputs=5"),
        ("model.net.num_inputs=5: must be 784, which is data.num_features",),
    ),
    "more units than numbers": ((*STE, f"model.net.hidden=[{10**25}]"), ("must be less than 2147483648",)),
    "no batch": ((*STE, "data.batch_size=0"), ("data.batch_size=0:", "greater than or equal to 1")),
    "negative epochs": ((*STE, "trainer.max_epochs=-1"), ("trainer.max_epochs=-1:", "greater than or equal to 0")),
    "no initialisation": ((*LANDSCAPE, "inits=0"), ("inits=0:", "greater than or equal to 1")),
    "too many initialisations": ((*LANDSCAPE, "inits=7"), ("inits=7:", "less than or equal to 6")),
    "a grid of one point": ((*LANDSCAPE, "grid_size=1"), ("grid_size=1:", "greater than or equal to 5")),
    "no sample of the trajectory": ((*LANDSCAPE, "samples_per_epoch=0"), ("samples_per_epoch=0:", "equal to 1")),
    "an empty subset": ((*LANDSCAPE, "subset=0"), ("subset=0:", "greater than or equal to 1")),
    "running statistics on a landscape": (
        (*LANDSCAPE, "model.net.batch_norm=true"),
        ("model.net.batch_norm=true: must be false for a landscape",),
    ),
    "clipping that binds networks to each other": (
        (*LANDSCAPE, "inits=2", "trainer.gradient_clip_val=1"),
        ("trainer.gradient_clip_val=1.0: must be null with inits=2",),
    ),
    "no noise to make images from": ((*GAN, "latent=0"), ("latent=0:", "greater than or equal to 1")),
    "a batch that BatchNorm cannot normalise": ((*GAN, "data.batch_size=1"), ("data.batch_size=1: must be 2 or more",)),
    "an option that no GAN has": ((*GAN, "model.emma=0.9"), ("unknown key 'model.emma'", "did you mean model.ema")),
    "an average of nothing new": ((*GAN, "model.ema=1"), ("model.ema=1:", "less than 1")),
    "labels that have changed sides": ((*GAN, "model.real_label=0.3"), ("model.real_label=0.3:", "greater than 0.5")),
    "negative instance noise": ((*GAN, "model.instance_noise=-1"), ("model.instance_noise=-1:", "equal to 0")),
    "a generator without hidden layers": (
        (*GAN, "model.net.generator.hidden=[]"),
        ("model.net.generator.hidden=[]:", "at least 1"),
    ),
    "a generator of garments on faces": (
        ("experiment=gan_dense", "data=synthetic_faces"),
        ("data=synthetic_faces: gan_dense makes images of 28 x 28", "data=fashion_mnist"),
    ),
    "gradients of two optimizers clipped": (
        (*GAN, "trainer.gradient_clip_val=1"),
        ("trainer.gradient_clip_val=1.0: must be null for a GAN",),
    ),
    "unknown cell": ((*PATCHES, "cell=lsmt"), ("cell=lsmt:", "did you mean lstm")),
    "no recurrent layer": ((*PATCHES, "layers=0"), ("layers=0:", "greater than or equal to 1")),
    "no unit": ((*PATCHES, "units=0"), ("units=0:", "greater than or equal to 1")),
    "unknown distance": ((*PATCHES, "distance=mes"), ("distance=mes:", "did you mean mse")),
    "nobody to judge": (
        (*PATCHES, "references=[]"),
        ("callbacks.completion.judge=small_cnn: must be among the references", "callbacks.completion=null"),
    ),
    "unknown feedback": ((*PATCHES, "model.feedback=samples"), ("model.feedback=samples:", "did you mean sample")),
    "own predictions with a negative weight": ((*PATCHES, "model.free_weight=-1"), ("model.free_weight=-1:", "to 0")),
    "dropout of all between recurrent layers": ((*PATCHES, "model.net.dropout=1"), ("dropout=1:", "less than 1")),
    "patches of images of another size": (
        ("experiment=patch_lstm", "data=synthetic_faces"),
        ("data=synthetic_faces: patch_lstm cuts images of 28 x 28", "4096 pixels", "digits"),
    ),
    "patches of standardised pixels": (
        (*PATCHES, "data.standardised=true"),
        ("data.standardised=true: must be false", "sigmoid"),
    ),
    "stopping on what is not known": ((*PATCHES, "early_stop_on=train"), ("early_stop_on=train:", "known: test, val")),
    "stopping on a test set that is not touched": (
        (*PATCHES, "early_stop_on=test", "test=false"),
        ("test=false: early_stop_on=test would look at the test set", "must be val"),
    ),
    "stopping on a test set that is not looked at": (
        (*PATCHES, "early_stop_on=test", "data.test_every_epoch=false"),
        ("callbacks.checkpoint.monitor=test/mse:", "data.test_every_epoch=true"),
    ),
    "stopping without a validation part": (
        (*PATCHES, "data.num_val=0"),
        ("callbacks.checkpoint.monitor=val/mse", "no validation part"),
    ),
    "speech for a classifier": (
        ("experiment=mnist_mlp", "data=synthetic_speech"),
        ("data=synthetic_speech: mnist_mlp is for images", "ibm_denoiser", "data=digits"),
    ),
    "images for a denoiser": (
        ("experiment=ibm_denoiser", "data=digits"),
        ("data=digits: ibm_denoiser takes noise from speech", "data=synthetic_speech"),
    ),
    "SNRs upside down": ((*SPEECH, "data.train_snr=[5,-5]"), ("data.train_snr=[5,-5]:", "lowest")),
    "speech at no speed": ((*SPEECH, "data.speeds=[1,0]"), ("data.speeds", "greater than or equal to 0.5")),
    "other speeds of mixtures that are given": (
        ("experiment=ibm_denoiser", "data=ibm_course", "data.speeds=[0.9,1]"),
        ("data.speeds: must be [1.0] for the data's own mixtures", "data.fresh=true"),
    ),
    "one SNR for a range": ((*SPEECH, "data.train_snr=[5]"), ("data.train_snr=[5]:", "at least 2")),
    "an SNR without end": ((*SPEECH, "data.snr=inf"), ("data.snr=inf:", "less than or equal to 60")),
    "pieces of one frame": ((*SPEECH, "data.truncate=1"), ("data.truncate=1:", "greater than or equal to 2")),
    "a sentence without noise": (
        (*SPEECH, "data.noises_per_sentence=0"),
        ("data.noises_per_sentence=0:", "greater than or equal to 1"),
    ),
    "two speakers for three parts": ((*SPEECH, "data.num_speakers=2"), ("data.num_speakers=2:", "equal to 3")),
    "augmented sound": ((*SPEECH, "augment=mirror"), ("data.augment=", "must be null (augment=none)")),
    "the course's files from nowhere": (
        ("experiment=ibm_denoiser", "data=ibm_course"),
        ("data=ibm_course: data.path is missing", "tr/trx0000.wav"),
    ),
    "the course's folder missing": (
        ("experiment=ibm_denoiser", "data=ibm_course", "data.path={tmp}/nothing"),
        ("data.path={tmp}/nothing: there is no such folder",),
    ),
    "own speech without noise": (
        ("experiment=ibm_denoiser", "data=speech_folders", "data.clean={tmp}"),
        ("data=speech_folders: data.noise is missing",),
    ),
    "no manifest": (
        ("experiment=ibm_denoiser", "data=speech", "data.path={tmp}"),
        ("there is no {tmp}/manifest.csv", "DLHW_DATA_DIR", "data=synthetic_speech"),
    ),
    "folders without a validation part": (
        ("experiment=ibm_denoiser", "data=speech_folders", "data.clean={tmp}", "data.noise={tmp}", "data.val_share=0"),
        ("no validation part",),
    ),
    "data folder missing": (
        ("experiment=svd_ste", "data.root={tmp}/nothing"),
        ("data.root={tmp}/nothing does not exist", "DLHW_DATA_DIR", "data=digits"),
    ),
    "data folder is a file": (
        ("experiment=svd_ste", "data.root={tmp}/file"),
        ("data.root={tmp}/file is not a folder", "DLHW_DATA_DIR", "data=digits"),
    ),
}  # fmt: skip

# and what more than the config tells: how the command is written, what is on the disk
WRONG_COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "unknown experiment in a sweep": (
        ("-m", "experiment=mnist_mlp,mnist_mpl", "data=digits"),
        ("unknown experiment 'mnist_mpl'", "did you mean mnist_mlp"),
    ),
    "key of the experiments that are swept": (
        ("-m", "experiment=svd_ste,svd_finetune", "data=digits", "rank=3"),
        ("unknown key 'rank'", "write ++rank="),
    ),
    "no experiment": (("data=digits",), ("no experiment chosen", "python train.py")),
    "a value that is not there": ((*MLP, "seed=${nope}"), ("seed=${nope}:", "'nope' not found")),
    "an unknown function": (("-m", *MLP, "seed=rang(3)"), ("seed=rang(3) cannot be read", "range")),
    "dashes": (("--experiment=mnist_mlp",), ("unknown flag --experiment", "no dashes: experiment=")),
    "a flag mistyped": ((*MLP, "--mutlirun"), ("unknown flag --mutlirun; did you mean --multirun",)),
    "flags in between": (("experiment=mnist_mlp", "-m", "seed=0,1"), ("before or behind all settings",)),
    "nothing to show": ((*MLP, "--cfg"), ("--cfg must be followed by one of job",)),
    "resume of no run": (("resume={tmp}",), ("resume={tmp}: no config.yaml there", "folder of a started run")),
    "outputs not writable": (
        (*STE, "paths.outputs={tmp}/file/outputs"),
        ("cannot write to {tmp}/file/outputs", "paths.outputs"),
    ),
    "nothing to resume": (
        (*STE, "ckpt_path=last"),
        ("ckpt_path=last: no unfinished run of svd_ste", "leave it out to start one"),
    ),
    "no such checkpoint": ((*STE, "ckpt_path={tmp}/no.ckpt"), ("there is no checkpoint {tmp}/no.ckpt",)),
    "an interval in a grid": (("-m", *MLP, "seed=interval(0,1)"), ("key=1,2,3 or key=range(1,4)", "search")),
    "a range among values": (("-m", *MLP, "seed=range(3),5"), ("a sweep takes values, as key=1,2,3",)),
    "two experiments in one": (
        ("experiment=[mnist_mlp,svd_ste]",),
        ("experiment=[mnist_mlp,svd_ste]: must be one experiment", "python train.py -m experiment=A,B"),
    ),
    "resume of a number": (("resume=5",), ("resume=5: no config.yaml there",)),
    "a run in a file's place": ((*MLP, "hydra.run.dir={tmp}/file"), ("File exists: '{tmp}/file'",)),
}  # fmt: skip


def given(case: str, folder: Path) -> tuple[list[str], list[str]]:
    """The arguments of a case, and the parts of its line; `folder` holds an empty file."""
    (folder / "file").touch()
    args, expected = (WRONG | WRONG_COMMANDS)[case]
    return [[text.replace("{tmp}", str(folder)) for text in texts] for texts in (args, expected)]


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_config_gets_one_line(case: str, tmp_path: Path, monkeypatch) -> None:
    args, expected = given(case, tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", *args])
    with pytest.raises((UserError, HydraException, ValueError)) as refused:
        validate(compose_config(args))
    line = explained(refused.value)
    assert line.isprintable()
    assert len(line) <= 300
    for part in expected:
        assert part in line


@pytest.mark.parametrize("case", WRONG_COMMANDS)
def test_a_wrong_command_gets_one_line(case: str, refused, tmp_path: Path) -> None:
    args, expected = given(case, tmp_path)
    line = refused(*args)
    for part in expected:
        assert part in line


CORRUPT = (
    None, True, -1, 0, 1.5, float("nan"), float("inf"), 10**25, "", "text", ["a"], [], [[1, 2]], {}, {"a": 1},
    {"_target_": "os.system"}, 1000 * "x", "a\nb", "${nope}", "???",
)  # fmt: skip
COMPOSED = [compose_config(list(chosen)) for chosen in (STE, GAN, PATCHES, SPEECH, LANDSCAPE, DENOISING)]


@hypothesis.given(data=st.data())
def test_any_key_made_wrong_gets_one_line(data: st.DataObject) -> None:
    """Whatever stands at any key, the config is valid or one line names the key, or the section that it is in."""
    cfg = data.draw(st.sampled_from(COMPOSED)).copy()
    key = data.draw(st.sampled_from(flat_keys(OmegaConf.to_container(cfg))))
    value = data.draw(st.sampled_from(CORRUPT))
    OmegaConf.update(cfg, key, value, merge=False)
    try:
        validate(cfg)
    except UserError as error:
        line = explained(error)
        assert line.isprintable()
        assert len(line) <= 300
        if key != "data.num_features" and value != "${nope}":  # other values depend on those
            assert key.partition(".")[0] in line


@hypothesis.given(value=st.text(alphabet="aZ0 ~=,:'\"[](){}$/\\ä.-", min_size=1, max_size=12))
def test_what_cannot_be_read_is_rewritten_so_that_it_can(value: str) -> None:
    """As a shell passes it on, and to what was meant: the same letters, but for what grammar may be."""
    if is_readable(f"data.path={value}"):
        return
    line = unreadable(f"data.path={value}", "")
    _, proposed, written = line.rpartition(" cannot be read; write ")
    if proposed:
        (setting,) = shlex.split(written)
        (parsed,) = OverridesParser.create().parse_overrides([setting])
        assert parsed.key_or_group == "data.path"
        if not value.startswith("~/") and isinstance(parsed.value(), str):
            assert letters(OmegaConf.create({"path": parsed.value()}).path) == letters(value)


def letters(text: str) -> str:
    return re.sub(r"[ ,'\"\\]", "", text)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("+model.compile=true", "unknown key model.compile"),
        ("+optimizer.betta=3", "unknown key optimizer.betta; did you mean betas"),
        ("+callbacks.checkpoint.montor=x", "unknown key callbacks.checkpoint.montor; did you mean monitor"),
        ("+callbacks.confusion.often=2", "unknown key callbacks.confusion.often"),
        ("+scheduler.warmupp=0.1", "unknown key scheduler.warmupp; did you mean warmup"),
        ("+model.net.droput=0.1", "unknown key model.net.droput; did you mean dropout"),
        ("+data.foo_bar=0.1", "unknown key data.foo_bar"),
        ("+callbacks.metrics_csv.x=1", "unknown key callbacks.metrics_csv.x"),
        (
            "callbacks.checkpoint.save_on_train_epoch_end=x",
            "callbacks.checkpoint.save_on_train_epoch_end=x: must be true",
        ),
        ("+optimizer.betas=[0.9,x]", "optimizer.betas.1=x: must be a number"),
        ("scheduler.warmup=nan", "scheduler.warmup=nan: must be a finite number"),
        ("+callbacks.curves.reference=3", "callbacks.curves.reference=3: must be a section of keys"),
        (
            "+callbacks.finite_loss.check_every=0",
            "callbacks.finite_loss.check_every=0: must be greater than or equal to 1",
        ),
    ],
)
def test_what_nobody_takes(wrong: str, expected: str, outputs: Path) -> None:
    from dlhw.run import run

    cfg = compose_config([*MLP, wrong, f"paths.outputs={outputs}"])
    validate(cfg)
    with pytest.raises(UserError, match=f"^{re.escape(expected)}"):
        run(cfg, outputs / "folder")
    assert not outputs.exists(), "said before anything is begun"


def test_what_a_class_refuses_is_said_with_its_key() -> None:
    from hydra.utils import instantiate

    cfg = compose_config([*MLP, "callbacks.checkpoint.mode=maxx"])
    with pytest.raises(InstantiationException) as refused:
        instantiate(cfg.callbacks)
    assert explained(refused.value).startswith("callbacks.checkpoint: `mode` can be")


def test_devices_that_are_not_there_are_said_before_anything_is_trained(outputs: Path) -> None:
    from dlhw.run import run

    cfg = compose_config([*GAN, "trainer.accelerator=cpu", "trainer.devices=[0,5]", f"paths.outputs={outputs}"])
    validate(cfg)
    with pytest.raises(UserError, match=r"^trainer: .*trainer=cpu always works"):
        run(cfg, outputs / "folder")
    assert not outputs.exists()


LAUNCHERS = {
    "submitit_local": ("submitit", "cluster"),
    "submitit_slurm": ("submitit", "cluster"),
    "ray": ("ray", "ray"),
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_that_is_not_installed_names_its_extra(launcher: str, refused) -> None:
    package, extra = LAUNCHERS[launcher]
    if find_spec(f"hydra_plugins.hydra_{package}_launcher") is not None:
        pytest.skip(f"{package}'s launcher is installed")
    line = refused("-m", *MLP, "seed=0,1", f"hydra/launcher={launcher}")
    assert f"hydra/launcher={launcher} needs " in line
    assert f"pip install -e '.[{extra}]'" in line


@pytest.mark.parametrize("case", ["rank 0", "unknown key", "unknown experiment in a sweep", "data folder missing"])
def test_the_command_itself_answers_without_torch(case: str, train, outputs: Path, tmp_path: Path) -> None:
    """One that the schema finds, two that Hydra finds, and one that the disk tells."""
    args, expected = given(case, tmp_path)
    done = train(*args, script="tests/without_torch.py")
    assert done.returncode == 1
    assert expected[0] in error_line(done.stderr)
    assert done.stdout == ""
    assert not list(outputs.rglob("*")), "a refused run leaves nothing behind"


def test_the_whole_traceback_on_request(train) -> None:
    done = train(*STE, "rank=0", env={"HYDRA_FULL_ERROR": "1"}, script="tests/without_torch.py")
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert f"rank=0: {WHOLE}" in done.stderr


def test_train_alone_lists_the_experiments_with_their_questions(train) -> None:
    done = train(script="tests/without_torch.py")
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    for name, question in experiments().items():
        assert f" {name} {question} " in words


def test_cfg_job_shows_the_config(train, outputs: Path) -> None:
    done = train(*STE, "rank=7", "--cfg", "job", script="tests/without_torch.py")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "rank: 7" in done.stdout.splitlines()
    assert not outputs.exists()


def test_help(train) -> None:
    done = train("--help", script="tests/without_torch.py")
    assert done.returncode == 0
    for name in [*experiments(), "speech_matched", "--hydra-help", "resume="]:
        assert name in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 120


def test_the_guard_itself_notices_torch(train) -> None:
    """A valid run needs torch, so that without it the guard fails it: the tests above can fail."""
    done = train("experiment=mnist_mlp", "data=digits", script="tests/without_torch.py")
    assert done.returncode == 1
    assert "import of torch halted" in done.stderr
