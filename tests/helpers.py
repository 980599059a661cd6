"""What several test files use: small versions of the experiments, and what a run left behind."""

import csv
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from dlhw.config import compose_config
from dlhw.data.faces import FaceData
from dlhw.data.images import ImageData
from dlhw.data.speech import SpeechData

ROOT = Path(__file__).resolve().parents[1]

# Ten steps an epoch, whatever the recipes say
DIGITS = ["data=digits", "data.passes=1", "data.batch_size=128"]
FACES = ["data=synthetic_faces", "data.passes=1"]
SOUND = [
    "data.num_speakers=4", "data.sentences_per_speaker=2", "data.noises_per_sentence=2", "data.test_noises=2",
]  # fmt: skip
EMBEDDED = {"faces": FACES, "synthetic_speech": SOUND}  # others are of 28 x 28 images
TITLES = {
    "digits": "digits (8x8, enlarged)",
    "synthetic_faces": "synthetic faces (generated)",
    "synthetic_speech": "synthetic speech (generated)",
}
# A baseline that learns something in a second
BASELINE = (
    'baseline.overrides=["trainer.max_epochs=3","optimizer=adam","optimizer.lr=0.005","optimizer.weight_decay=0",'
    '"data.batch_size=64","augment=none","callbacks=classifier"]'
)
# The 5 x 1024 family, small enough for a test
SMALL_SVD = [
    *DIGITS,
    "model.net.hidden=[48,48,48,48,48]",
    "rank=8",
    BASELINE,
]
STUDIES = ("restoration", "pca_comparison", "latent_space", "confusion")  # of a finished network, for its own report
KILLABLE = ["+callbacks.kill._target_=tests.kill.KillAtStep"]


@cache
def shipped(experiment: str) -> DictConfig:
    """An experiment's config as it is shipped; not to be changed."""
    return compose_config([f"experiment={experiment}"])


def small(experiment: str, num_epochs: int = 2) -> list[str]:
    """Overrides that make an experiment run in seconds: embedded data, a narrow network, few epochs."""
    cfg = shipped(experiment)
    overrides = [f"experiment={experiment}", *EMBEDDED.get(cfg.data.dataset, DIGITS)]
    hidden = cfg.model.net.get("hidden", [])
    if hidden and max(hidden) > 100:
        overrides.append(f"model.net.hidden={[48] * len(hidden)}")
    if "latent" in cfg:
        overrides.append("latent=6")
    if cfg.callbacks.get("range_test"):
        overrides.append("++callbacks.range_test.num_steps=20")
    if cfg.callbacks.get("pca_comparison"):
        overrides.append("++callbacks.pca_comparison.num_copies=2")
    if cfg.callbacks.get("latent_space"):
        overrides.append("++callbacks.latent_space.num_points=100")
    if "widths" in cfg.model.net:
        overrides += ["model.net.widths=[8,16]", "model.net.num_blocks=1"]
    if "generator" in cfg.model.net:
        narrow = "width=4" if "width" in cfg.model.net.generator else "hidden=[24,24]"
        overrides += [f"model.net.{net}.{narrow}" for net in ("generator", "discriminator")]
    if "cell" in cfg:
        overrides.append("units=16")
    if cfg.callbacks.get("denoising_report"):
        overrides += ["callbacks.denoising_report.snrs=[5.0]", "callbacks.denoising_report.num_at_each=2"]
    if "corruption" in cfg:
        overrides += ["corruption=[0.5,0.9]", "data.test_share=0.025"]  # one person, restored in many ways
    if "rank" in cfg:
        overrides.append("rank=8")
    if "ranks" in cfg:
        overrides.append("ranks=[4,8,full]")
    if "depths" in cfg:
        overrides += ["depths=[2,5]", "draws=4", "steps=5"]
    if cfg.get("baseline") is not None:
        overrides.append(BASELINE)
    if cfg.get("references"):
        overrides.append(small_references(cfg))
    if "grid_size" in cfg:
        overrides += ["grid_size=5", "subset=null"]
    overrides.append(f"trainer.max_epochs={min(num_epochs, cfg.trainer.max_epochs)}")
    return overrides


def small_references(cfg: DictConfig) -> str:
    """The experiment's references trained for two epochs, and compared with nothing in their turn."""
    small_ones = []
    for reference in cfg.references:
        chosen = [override for override in reference.get("overrides", []) if not override.startswith("latent=")]
        overrides = [*chosen, *small(reference.experiment)[1:], "++references=[]"]
        own = [override for override in overrides if not override.startswith(("data", "references="))]
        own += [f"callbacks.{name}=null" for name in STUDIES if shipped(reference.experiment).callbacks.get(name)]
        small_ones.append(f"{{experiment:{reference.experiment},overrides:{json.dumps(own)}}}")
    return f"references=[{','.join(small_ones)}]"


@dataclass(frozen=True)
class Finished:
    """A run's folder, read back."""

    folder: Path

    @property
    def results(self) -> dict[str, Any]:
        return json.loads((self.folder / "results.json").read_text(encoding="utf-8"))

    @property
    def config(self) -> Any:
        return OmegaConf.load(self.folder / "config.yaml")

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def weights(self, name: str = "last") -> dict[str, Tensor]:
        return torch.load(self.folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def texts(figure: Figure) -> list[str]:
    """Every word that a reader of a figure sees."""
    found = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    return [text.replace(r"\$", "$") for text in found]


def named(axes: Axes, label: str) -> Line2D:
    """The only line with that label."""
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return line


def learned(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows of a `metrics.csv` without the energy, which no two runs use the same of."""
    return [{name: cell for name, cell in row.items() if not name.startswith("energy/")} for row in rows]


def same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def error_line(stderr: str) -> str:
    """The one line that a refused command prints; anything more is a failure of the test."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: "), stderr
    return lines[0]


def image_data(**settings: Any) -> ImageData:
    """A data module, set up; of the embedded digits where nothing else is said."""
    defaults: dict[str, Any] = {
        "dataset": "digits", "root": None, "num_features": 784, "num_classes": 10,
        "num_val": 200, "split_seed": 0, "batch_size": 128, "eval_batch_size": 2000,
    }  # fmt: skip
    data = ImageData(**(defaults | settings))
    data.setup()
    return data


def face_data(**settings: Any) -> FaceData:
    """A data module of faces, set up; of generated ones where nothing else is said."""
    defaults: dict[str, Any] = {
        "dataset": "synthetic_faces", "root": None, "path": None, "crop": False, "split": "person", "val_share": 0.1,
        "test_share": 0.2, "split_seed": 0, "num_features": 4096, "batch_size": 64, "eval_batch_size": 2000,
    }  # fmt: skip
    data = FaceData(**(defaults | settings))
    data.setup()
    return data


def speech_data(**settings: Any) -> SpeechData:
    """A data module of speech in noise, set up; of generated ones where nothing else is said."""
    defaults: dict[str, Any] = {
        "dataset": "synthetic_speech", "num_speakers": 4, "sentences_per_speaker": 3, "num_features": 513,
        "split_seed": 0, "batch_size": 4, "eval_batch_size": 4, "noises_per_sentence": 3, "test_noises": 2,
        "train_snr": (-5.0, 10.0), "snr": 0.0, "fresh": True, "truncate": None, "memory_gib": 4.0,
    }  # fmt: skip
    data = SpeechData(**(defaults | settings))
    data.setup()
    return data
