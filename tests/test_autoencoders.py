"""The autoencoder experiments: what they promise, on generated faces and embedded digits."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dlhw import eigenfaces
from dlhw.callbacks.range_test import DIVERGED, RangeTest, smoothed
from dlhw.callbacks.snapshots import load_snapshots
from dlhw.checkpoints import trained_net
from tests.helpers import Finished, face_data, small

FACES = [*small("face_autoencoder"), "callbacks.weight_snapshots.every=3", "trainer.max_epochs=7"]


def test_the_weights_are_kept_at_the_promised_epochs(run_experiment) -> None:
    finished = run_experiment(*FACES)
    snapshots = load_snapshots(finished.folder / "weights")
    assert list(snapshots) == [0, 3, 6, 7]
    assert {tuple(weights.shape) for weights in snapshots.values()} == {(6, 4096)}
    gram = snapshots[0] @ snapshots[0].T  # before any training: the start's orthonormal basis
    torch.testing.assert_close(gram, torch.eye(6), atol=1e-5, rtol=0)
    last = finished.weights("last")["net.encoder.0.weight"]
    assert torch.equal(snapshots[7], last)
    assert not torch.equal(snapshots[3], snapshots[6])
    names = [figure["file"] for figure in finished.results["figures"]]
    assert [f"figures/fc1_epoch_{epoch:05d}.png" in names for epoch in snapshots] == [True] * 4
    with Image.open(finished.folder / "figures" / "fc1_weights.gif") as animation:
        assert animation.n_frames == 4  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_linear_autoencoder_approaches_the_pca_bound_and_its_span(run_experiment) -> None:
    finished = run_experiment(
        *small("eigenfaces"), "latent=4", "trainer.max_epochs=60", "references=[]", "data.passes=4"
    )
    rows = [{name: float(cell) for name, cell in row.items() if cell} for row in finished.rows]
    assert all(row["span/excess"] > -1e-5 for row in rows), "no linear code is better than PCA on its own images"
    assert rows[-1]["span/excess"] < 1e-3 < rows[0]["span/excess"]
    assert rows[-1]["span/fc2_largest"] < 2 < 20 < rows[0]["span/fc2_largest"]
    assert rows[-1]["span/fc1_within_faces_largest"] < 4
    metrics = finished.results["metrics"]
    assert metrics["svd/difference"] < 1e-5
    assert metrics["network/train_loss"] == pytest.approx(metrics["pca/train_loss"], rel=0.02)
    assert metrics["overlap/linear_autoencoder_fc2"] > 0.999
    assert metrics["overlap/a_random_span"] < 0.1


def test_the_reported_pca_error_is_scikit_learns(run_experiment) -> None:
    from sklearn.decomposition import PCA

    metrics = run_experiment(*small("face_autoencoder", 1), "augment=none").results["metrics"]
    parts = {name: part[0].flatten(1).numpy() for name, part in face_data().parts.items()}
    pca = PCA(6, svd_solver="full").fit(parts["train"])
    for name, faces in parts.items():
        error = np.mean((pca.inverse_transform(pca.transform(faces)) - faces) ** 2)
        assert metrics[f"pca/{name}_loss"] == pytest.approx(float(error), rel=1e-4)


def test_the_recorded_error_is_that_of_the_kept_network(run_experiment) -> None:
    finished = run_experiment(*FACES)
    images = face_data().parts["test"][0]
    with torch.no_grad():
        error = (trained_net(finished.folder)(images) - images).square().mean().item()
    assert finished.results["metrics"]["test/loss"] == pytest.approx(error, rel=1e-5)
    assert finished.results["metrics"]["network/test_loss"] == pytest.approx(error, rel=1e-5)


def test_the_range_test_sets_the_rate_unless_one_is_given(run_experiment) -> None:
    found = run_experiment(*FACES, "callbacks.range_test.num_steps=100", "scheduler=constant")
    given = run_experiment(*FACES, "callbacks.range_test.num_steps=100", "scheduler=constant", "optimizer.lr=0.0123")
    rate = found.results["metrics"]["range_test/lr"]
    assert 1e-4 < rate < 1
    assert float(found.rows[-1]["lr"]) == pytest.approx(rate)
    assert float(given.rows[-1]["lr"]) == pytest.approx(0.0123)
    assert given.results["metrics"]["range_test/lr"] == pytest.approx(rate), "the test does not depend on the rate"


@pytest.mark.slow
def test_the_range_test_leaves_no_trace(run_experiment) -> None:
    """With the same rate, a run with the test before it ends with the bits of one without."""
    overrides = [*FACES, "optimizer.lr=0.001", "trainer.max_epochs=2"]
    with_it, without = run_experiment(*overrides), run_experiment(*overrides, "~callbacks.range_test")
    assert all(torch.equal(a, b) for a, b in zip(with_it.weights().values(), without.weights().values(), strict=True))


def test_the_rate_is_a_third_of_the_one_that_diverges(run_experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[RangeTest] = []
    original = RangeTest.setup
    monkeypatch.setattr(
        RangeTest, "setup", lambda self, *args, **kwargs: (original(self, *args, **kwargs), seen.append(self))[0]
    )
    run_experiment(*FACES, "callbacks.range_test.num_steps=200", "trainer.max_epochs=1")
    test = next(test for test in seen if test.rates)
    means = smoothed(test.losses)
    assert test.chosen == pytest.approx(test.rates[-1] / 3)
    assert means[-1] > DIVERGED * min(means[:-1])
    assert all(mean <= DIVERGED * min(means[: place + 1]) for place, mean in enumerate(means[:-1]))
    ratios = np.diff(np.log(test.rates))
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)


@pytest.mark.slow
def test_the_plain_start_silences_codes_and_the_centred_one_none(run_experiment) -> None:
    shared = ["latent=40", "trainer.max_epochs=15", "optimizer.lr=0.003", "scheduler=constant"]
    silent = {
        recipe: float(run_experiment(*small("face_autoencoder"), *shared, f"recipe={recipe}").rows[-1]["codes/silent"])
        for recipe in ("plain", "centred")
    }
    assert silent["centred"] == 0
    assert silent["plain"] >= 10


def test_own_faces_from_a_folder(run_experiment, tmp_path: Path) -> None:
    images, people = face_data().parts["train"]
    for number, (image, person) in enumerate(zip(images[:, 0], people, strict=True)):
        folder = tmp_path / "mine" / f"p{int(person)}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image.numpy()).astype(np.uint8)).resize((80, 80)).save(folder / f"{number}.png")
    (tmp_path / "mine" / "p1" / "broken.png").write_text("no picture")
    overrides = [override for override in small("face_autoencoder") if not override.startswith("data=")]
    finished = run_experiment(*overrides, "data=faces", f"data.path={tmp_path / 'mine'}")
    dataset = finished.results["dataset"]
    assert dataset["name"] == "mine"
    assert dataset["num_train"] + dataset["num_val"] + dataset["num_test"] == 280
    assert dataset["preprocessing"].endswith(", 1 left out")
    assert len(Finished(finished.folder).rows) == 2


def test_the_network_tested_after_the_last_epoch_is_the_last_one(run_experiment) -> None:
    finished = run_experiment(*small("fashion_autoencoder"))
    assert finished.results["checkpoint"]["path"] is None
    net = trained_net(finished.folder)
    assert torch.equal(net.state_dict()["encoder.0.weight"], finished.weights("last")["net.encoder.0.weight"])


def test_real_fashion_pca_is_where_the_issue_has_it(real_data: Path) -> None:
    """The bound that the autoencoder has to pass: 0.01037 with 64 components of all 60,000 images."""
    from dlhw.data import idx

    train, _, test, _ = idx.load("fashion_mnist", real_data)
    flat = [part.flatten(1).float() / 255 for part in (train[:20000], test)]
    assert eigenfaces.fit(flat[0], 64).errors(flat[1])[-1].item() == pytest.approx(0.01037, abs=1e-4)
