"""What of a run's data is held against other settings, and against what is on the disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from dlhw.errors import UserError
from dlhw.schema.data import SPEECH, AnyData, Data, FaceData, SpeechData
from dlhw.schema.fields import class_name
from dlhw.schema.nets import MASK_NETS


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


def check_data_folder(data: AnyData) -> None:
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
