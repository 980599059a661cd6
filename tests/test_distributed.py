"""Two processes that share each batch end with the weights of one that has it whole."""

import pytest
import torch

from tests.helpers import SMALL_SVD, Finished, small

# What is drawn at random in each process (dropout, levels) differs from what one process draws: left out here.
# Batches of an even size: each process's share then counts alike
FAMILIES = {
    "classifier": [*small("mnist_mlp"), "model.net.dropout=0"],
    "straight-through": ["experiment=svd_ste", *SMALL_SVD, "trainer.max_epochs=2"],
    "patches": [*small("patch_lstm"), "references=[]", "callbacks.completion=null"],
    "denoiser": [*small("ibm_denoiser"), "data.batch_size=2", "model.net.dropout=0", "model.gain=0", "references=[]"],
}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_train_as_one(train, outputs, family: str) -> None:
    found = []
    for trainer in ("cpu", "ddp_sim"):
        done = train(*FAMILIES[family], f"trainer={trainer}", f"paths.outputs={outputs / trainer}",
                     f"paths.baselines={outputs / 'baselines'}")  # fmt: skip
        assert done.returncode == 0, done.stderr
        (file,) = (outputs / trainer).glob("*/*/results.json")
        found.append(Finished(file.parent))
    alone, together = found
    for name, weights in alone.weights("last").items():
        torch.testing.assert_close(together.weights("last")[name], weights, atol=2e-4, rtol=2e-3, msg=name)
    for name, value in alone.results["metrics"].items():
        if name.startswith(("val/", "test/")):
            assert together.results["metrics"][name] == pytest.approx(value, rel=0.02, abs=2e-3), name
