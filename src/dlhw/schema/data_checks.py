"""What of a run's data is held against other settings, and against what is on the disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dlhw.errors import UserError, in_short
from dlhw.schema.data import SPEECH, AnyData, Data, FaceData, SpeechData
from dlhw.schema.fields import class_name
from dlhw.schema.nets import MASK_NETS, AnyNet
from dlhw.targets import is_allowed

IMAGES = ("mnist", "fashion_mnist", "digits")
SIZES = {
    "num_features": dict.fromkeys([*IMAGES, "npz"], 784) | dict.fromkeys(["faces", "synthetic_faces"], 4096),
    "num_classes": dict.fromkeys(IMAGES, 10),
}
MAKE_NPZ = "docs/your-own-data.md shows the lines that make a .npz of images, or of other arrays"
NO_NPZ = (".npy", ".csv", ".zip", ".mat", ".pt", ".pkl", ".parquet", ".png", ".jpg", ".jpeg", ".h5")  # at once


def check_kind(cfg: DictConfig) -> None:
    """Sound is for networks that estimate masks, and nothing else is; before values that depend on the kind."""
    data, net = (OmegaConf.select(cfg, f"{section}._target_") for section in ("data", "model.net"))
    if not (is_allowed(data, "data") and is_allowed(net, "model")):  # told later, with all other keys
        return
    is_sound, takes_sound = class_name(data) == "SpeechData", class_name(net) in MASK_NETS
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


def check_sizes(data: AnyData, net: AnyNet) -> None:
    """How large an image is and how many classes there are is the data's, and the network's ends follow from it."""
    for key, sizes in SIZES.items():
        given, size = getattr(data, key, None), sizes.get(data.dataset)
        if None not in (given, size) and given != size:
            raise UserError(f"data.{key}={given}: must be {size}, as data={data.dataset} has it")
    for end, key in (("num_inputs", "num_features"), ("num_outputs", "num_classes")):
        given, size = getattr(net, end, None), getattr(data, key, None)
        if None not in (given, size) and given != size:
            raise UserError(f"model.net.{end}={in_short(given)}: must be {size}, which is data.{key}")


def check_data_folder(data: AnyData) -> None:
    """The data's folder must be there; `data/` itself is made on demand and downloaded into."""
    if isinstance(data, SpeechData):  # is not downloaded: see check_speech
        return
    if isinstance(data, FaceData) and data.path is not None:
        check_there(Path(data.path), "a folder of images or a .npz file")
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
    if data.dataset == "ibm_course" and not data.fresh and data.speeds != [1.0]:
        raise UserError("data.speeds: must be [1.0] for the data's own mixtures; data.fresh=true mixes them anew")
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
    path = Path(data.path)
    check_there(path, "a .npz file, or a folder of .npy files")
    if path.is_dir() and not any(path.glob("*.npy")):
        raise UserError(f"data.path={path}: this folder holds no .npy file; {MAKE_NPZ}")
    if path.is_file() and path.suffix in NO_NPZ:
        raise UserError(f"data.path={path}: a {path.suffix} file is not read; must be .npz; {MAKE_NPZ}")


def check_there(path: Path, what: str) -> None:
    """Nothing that never ends, as a pipe and /dev/zero, is read."""
    if not (path.is_file() or path.is_dir()):
        wrong = "is neither a file nor a folder" if path.exists() else "does not exist"
        raise UserError(f"data.path={path} {wrong}; must be {what}")


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
