"""Reading an image from its top half."""

import torch

from dlhw.nets.cnn import CNN
from dlhw.top_half import RIDGE, TopHalfReader


def some_images(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Each class is a bright row in the top half."""
    labels = torch.arange(num) % 10
    images = 0.2 * torch.rand(num, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    images[torch.arange(num), 0, labels + 2] += 0.8
    return images, labels


def test_it_reads_what_the_top_half_tells_and_does_not_see_the_bottom() -> None:
    torch.manual_seed(0)
    images, labels = some_images(400)
    reader = TopHalfReader(CNN(10).eval(), images[:300], labels[:300])
    assert (reader.read(images[300:]) == labels[300:]).double().mean() > 0.9
    changed = images[300:].clone()
    changed[..., 14:, :] = torch.rand(100, 1, 14, 28)
    assert torch.equal(reader.read(changed), reader.read(images[300:]))


def test_the_last_layer_is_the_ridge_regression() -> None:
    """Against least squares with the penalty as further rows."""
    torch.manual_seed(0)
    images, labels = some_images(50)
    net = CNN(10).eval()
    reader = TopHalfReader(net, images, labels)
    blanked = torch.cat([images[..., :14, :], torch.zeros(50, 1, 14, 28)], 2)
    with torch.no_grad():
        maps = net.body[:-2](blanked).double()
        assert torch.equal(net.body[-2:](net.maps(images)), net.features(images))
    features = torch.cat([maps, torch.ones(50, 1).double()], 1)
    penalty = RIDGE * features.square().sum(0).mean()
    rows = torch.cat([features, penalty.sqrt() * torch.eye(features.shape[1]).double()])
    wanted = torch.cat([torch.eye(10).double()[labels], torch.zeros(features.shape[1], 10).double()])
    torch.testing.assert_close(reader.weights, torch.linalg.lstsq(rows, wanted).solution, rtol=1e-5, atol=1e-8)
