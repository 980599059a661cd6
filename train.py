"""The one entry point: compose a config, check it, run it.

python train.py                                       lists the experiments
python train.py experiment=svd_ste rank=20            one run
python train.py -m experiment=svd_ste rank=10,20,50   a sweep
python train.py resume=outputs/svd_ste/2026-...       goes on with an interrupted run
"""

import hydra
from omegaconf import DictConfig

from dlhw import cli


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def train(cfg: DictConfig) -> float | None:
    return cli.job(cfg)


if __name__ == "__main__":
    cli.main(train)
