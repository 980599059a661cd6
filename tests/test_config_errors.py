"""What wrong input gets: one line, a non-zero exit code, nothing half-written, and before torch is imported."""

from pathlib import Path

import pytest

from dlhw.config import experiments
from tests.helpers import error_line

FACES = ("experiment=face_autoencoder", "data=synthetic_faces")
DENOISING = ("experiment=face_denoising", "data=synthetic_faces")
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
    "strange experiment": (("experiment=qqqq",), ("unknown experiment 'qqqq'", *experiments())),
    "unknown experiment in a sweep": (
        ("-m", "experiment=mnist_mlp,mnist_mpl", "data=digits"),
        ("unknown experiment 'mnist_mpl'", "did you mean mnist_mlp"),
    ),
    "key of the experiments that are swept": (
        ("-m", "experiment=svd_ste,svd_finetune", "data=digits", "rank=3"),
        ("unknown key 'rank'", "write ++rank="),
    ),
    "no experiment": (("data=digits",), ("no experiment chosen", "python train.py")),
    "unknown key": ((*STE, "rnak=3"), ("unknown key 'rnak'", "did you mean rank")),
    "unknown key in a group": ((*STE, "optimizer.lrr=1"), ("unknown key 'optimizer.lrr'", "optimizer.lr")),
    "added key": ((*STE, "+rnak=3"), ("unknown key rnak", "did you mean rank")),
    "rank of an experiment without one": (("experiment=mnist_mlp", "rank=3"), ("unknown key 'rank'",)),
    "rank 0": ((*STE, "rank=0"), ("rank=0:", WHOLE)),
    "negative rank": ((*STE, "rank=-3"), ("rank=-3:", WHOLE)),
    "rank in words": ((*STE, "rank=abc"), ("rank=abc:", WHOLE)),
    "rank with a fraction": ((*STE, "rank=1.5"), ("rank=1.5:", WHOLE)),
    "rank as a truth": ((*STE, "rank=true"), ("rank=True:", WHOLE)),
    "rank above all layers": ((*STE, "rank=2000"), ("rank=2000: larger than every layer", "1 to 1024, or full")),
    "one of the ranks": (
        ("experiment=svd_truncate", "data=digits", "ranks=[10,0]"),
        ("ranks.1=0:", WHOLE),
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
    "rate nan": ((*STE, "optimizer.lr=nan"), ("optimizer.lr=nan:", "finite")),
    "unknown data": (("experiment=svd_ste", "data=digit"), ("unknown data 'digit'", "did you mean digits")),
    "unknown data set": ((*STE, "data.dataset=mist"), ("data.dataset=mist:", "did you mean mnist")),
    "unknown model": ((*STE, "model=mpl"), ("unknown model 'mpl'", "did you mean mlp")),
    "unknown optimizer": ((*STE, "optimizer=adm"), ("unknown optimizer 'adm'", "did you mean adam")),
    "unknown activation": ((*STE, "model.net.activation=rleu"), ("model.net.activation=rleu:", "relu")),
    "unknown projection": ((*STE, "projection=exat"), ("projection=exat:", "did you mean exact")),
    "empty network": ((*STE, "model.net.hidden=[]"), ("model.net.hidden=[]:", "at least 1")),
    "dropout of all": ((*STE, "model.net.dropout=1"), ("model.net.dropout=1:", "less than 1")),
    "negative seed": ((*STE, "seed=-1"), ("seed=-1:", "greater than or equal to 0")),
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
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_gets_one_line(case: str, train, outputs: Path, tmp_path: Path) -> None:
    args, expected = WRONG[case]
    (tmp_path / "file").touch()
    done = train(*(arg.replace("{tmp}", str(tmp_path)) for arg in args), script="tests/without_torch.py")
    assert done.returncode == 1
    line = error_line(done.stderr)
    for part in expected:
        assert part.replace("{tmp}", str(tmp_path)) in line
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
