"""Measures what the README says of speed, side by side in one run, and prints ratios. Run by `make bench`.

    python benchmarks/bench.py docs/results/bench.json

keeps what it found, for the table of RESULTS.md. Takes some ten minutes on two idle cores; a busy machine widens every
figure.
"""

import json
import os
import sys
import warnings
from datetime import datetime
from pathlib import Path

from dlhw.config import quiet_threads

quiet_threads()
sys.path.insert(0, str(Path(__file__).parent))

import augmentation  # noqa: E402
import epoch  # noqa: E402
import gan_step  # noqa: E402
import landscape  # noqa: E402
import search  # noqa: E402
import speech_batches  # noqa: E402
import startup  # noqa: E402
import ste_step  # noqa: E402
import timing  # noqa: E402
import torch  # noqa: E402
import truncation  # noqa: E402
from hydra.utils import instantiate  # noqa: E402

from dlhw.config import compose_config  # noqa: E402
from dlhw.data import idx  # noqa: E402
from dlhw.facts import git_commit, machine  # noqa: E402
from dlhw.files import write_atomically  # noqa: E402


def main() -> None:
    warnings.filterwarnings("ignore")
    overrides = [] if is_there("mnist", "MNIST") else ["data=digits"]
    data = instantiate(compose_config(["experiment=mnist_mlp", *overrides]).data, seed=0)
    data.setup()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, data: {data.title}\n")
    startup.main()
    ste_step.main()
    ste_step.excess_along_training(*data.parts["train"], data.title)
    epoch.main(overrides)
    augmentation.main()
    truncation.main()
    landscape.main()
    gan_step.main([] if is_there("fashion_mnist", "FashionMNIST") else ["data=digits"])
    recordings = Path(os.environ.get("DLHW_DATA_DIR", "data")) / "speech" / "manifest.csv"
    speech_batches.main(["data=speech"] if recordings.is_file() else ["data=synthetic_speech"])
    search.main([] if is_there("fashion_mnist", "FashionMNIST") else ["data=digits"])


def keep(path: Path) -> None:
    """Write what was told, and where and when it was measured."""
    now = datetime.now().isoformat(timespec="minutes")
    facts = {"machine": machine(), "git_commit": git_commit(), "torch": torch.__version__, "started": now}
    write_atomically(path, json.dumps(facts | {"lines": timing.TOLD}, indent=1, ensure_ascii=False))


def is_there(dataset: str, folder: str) -> bool:
    raw = Path(os.environ.get("DLHW_DATA_DIR", "data")) / folder / "raw"
    return all((raw / name).is_file() for name in idx.FILES[dataset])


if __name__ == "__main__":
    main()
    for kept in sys.argv[1:]:
        keep(Path(kept))
