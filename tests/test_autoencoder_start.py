"""Starts of an autoencoder: projections onto a subspace, with all codes open."""

import pytest
import torch
from torch.nn import functional as F

from dlhw import eigenfaces
from dlhw.autoencoder_start import eigenface_subspace, layers, random_subspace
from dlhw.callbacks.silent_codes import training_codes
from dlhw.data.faces import FaceData
from dlhw.nets.autoencoder import Autoencoder
from tests.helpers import face_data


@pytest.fixture(scope="module")
def faces() -> FaceData:
    return face_data()


def flat(data: FaceData, part: str = "train") -> torch.Tensor:
    return data.parts[part][0].flatten(1)


@pytest.mark.parametrize("latent", [1, 16, 64])
def test_the_eigenface_start_is_the_eigenfaces_reconstruction(faces: FaceData, latent: int) -> None:
    net = eigenface_subspace(code_bias=40.0)(Autoencoder(4096, [], latent), faces).net
    expected = eigenfaces.fit(flat(faces), latent).reconstruct(flat(faces, "test"))
    with torch.no_grad():
        torch.testing.assert_close(net(flat(faces, "test")), expected, atol=1e-4, rtol=0)


def test_the_random_start_is_an_orthogonal_projection_of_centred_faces(faces: FaceData) -> None:
    net = random_subspace(code_bias=40.0)(Autoencoder(4096, [], 16), faces).net
    assert isinstance(net, Autoencoder)
    mean = flat(faces).mean(0)
    torch.testing.assert_close(net.offset, mean)
    with torch.no_grad():
        once = net(flat(faces))
        torch.testing.assert_close(net(once), once, atol=1e-4, rtol=0)
        total, left = F.mse_loss(mean.expand_as(once), flat(faces)), F.mse_loss(once, flat(faces))
    assert 0.9 * total < left < total  # 16 random directions of 4096 hold little


@pytest.mark.parametrize("code_bias", [0.5, 5.0, 50.0])
def test_the_code_bias_changes_no_linear_network(faces: FaceData, code_bias: float) -> None:
    torch.manual_seed(0)
    plain = random_subspace(code_bias=0.0)(Autoencoder(4096, [], 4, code_activation="linear"), faces).net
    torch.manual_seed(0)
    raised = random_subspace(code_bias=code_bias)(Autoencoder(4096, [], 4, code_activation="linear"), faces).net
    with torch.no_grad():
        torch.testing.assert_close(raised(flat(faces)), plain(flat(faces)), atol=1e-4, rtol=0)


def test_codes_are_open_at_the_start_and_half_of_them_shut_without_the_bias(faces: FaceData) -> None:
    for bias, expected in ((5.0, 1.0), (0.0, 0.5)):
        net = random_subspace(code_bias=bias)(Autoencoder(4096, [], 64), faces).net
        assert isinstance(net, Autoencoder)
        assert (training_codes(net, faces) > 0).float().mean().item() == pytest.approx(expected, abs=0.15)


def test_each_part_of_the_start_can_be_left_out(faces: FaceData) -> None:
    torch.manual_seed(0)
    own = Autoencoder(4096, [], 8)
    torch.manual_seed(0)
    net = random_subspace(centred=False, orthonormal=False, code_bias=0.0)(Autoencoder(4096, [], 8), faces).net
    assert all(torch.equal(a, b) for a, b in zip(own.state_dict().values(), net.state_dict().values(), strict=True))


def test_a_network_with_hidden_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="one layer each way"):
        layers(Autoencoder(36, [8], 4))
