"""The space of an autoencoder's codes: where the classes lie, and what lies between two images."""

import pytorch_lightning as pl
import torch
from torch import Tensor

from dlhw import eigenfaces
from dlhw.callbacks.recorder import Recorder
from dlhw.callbacks.span import autoencoder_of
from dlhw.figures import image_grid, latent_scatter, reconstruction_pairs
from dlhw.nets.autoencoder import Autoencoder

NUM_STEPS = 9  # of an interpolation, its ends included


class LatentSpace(Recorder):
    """Draws two test images above their reconstructions, the codes in the plane, and the way from one code to another.

    Args:
        num_points: test images in the scatter.
        pair: places in the test part of the two images.
    """

    def __init__(self, num_points: int = 2000, pair: tuple[int, int] = (0, 1)) -> None:
        self.num_points, self.pair = num_points, tuple(pair)

    @torch.no_grad()
    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        net = autoencoder_of(pl_module)
        images, labels = self.data.parts["test"]
        self._pairs(net, images, labels)
        self._scatter(net.encode(images[: self.num_points]), labels[: self.num_points])
        self._interpolate(net, images, labels)

    def _pairs(self, net: Autoencoder, images: Tensor, labels: Tensor) -> None:
        chosen = list(self.pair)
        title = "Test images and their reconstructions"
        figure = reconstruction_pairs(
            images[chosen, 0].cpu().numpy(), net(images[chosen])[:, 0].cpu().numpy(),
            [self.data.class_names[label] for label in labels[chosen].tolist()], title=title, data_name=self.data.title,
        )  # fmt: skip
        self.record.add_figure(figure, "pairs", title, "Two test images, and below each what the network makes of it.")

    def _scatter(self, codes: Tensor, labels: Tensor) -> None:
        from sklearn.manifold import TSNE

        model = eigenfaces.fit(codes)
        if len(model.singular_values) < 2:
            self.record.notes.append("The test images' codes span less than a plane: none is drawn.")
            return
        plane = model.first(2).codes(codes)
        shares = [100 * share for share in model.explained[:2].tolist()]
        perplexity = min(30.0, (len(codes) - 1) / 3)
        neighbours = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(codes.cpu().numpy())
        title = f"Codes of {len(codes):,} test images in two dimensions"
        axes = [
            f"principal component {number} ({share:.0f} % of the variance)" for number, share in enumerate(shares, 1)
        ]
        figure = latent_scatter(
            [
                ("Principal components", plane.cpu().numpy(), axes[0], axes[1]),
                ("t-SNE", neighbours, "t-SNE 1", "t-SNE 2"),
            ],
            labels.cpu().numpy(), self.data.class_names, title=title, data_name=self.data.title,
        )  # fmt: skip
        caption = (
            f"Each point is the code of a test image, {codes.shape[1]} numbers, coloured by the class that the network "
            "was never told. Left: the two directions of largest variance. Right: t-SNE, which keeps neighbours "
            "together and tells nothing by its distances."
        )
        self.record.add_figure(figure, "latent_space", title, caption)

    def _interpolate(self, net: Autoencoder, images: Tensor, labels: Tensor) -> None:
        one, other = (images[[place]] for place in self.pair)
        names = [self.data.class_names[int(labels[place])] for place in self.pair]
        shares = torch.linspace(0, 1, NUM_STEPS, device=images.device)[:, None]
        decoded = net.decode(torch.lerp(net.encode(one), net.encode(other), shares)).view(NUM_STEPS, *images.shape[1:])
        mixed = torch.lerp(one, other, shares[..., None, None])
        title = f"From one image to another: {names[0]} to {names[1]}"
        figure = image_grid(
            torch.stack([decoded, mixed])[:, :, 0].cpu().numpy(), ["decoded between codes", "mixed pixels"],
            column_labels=[f"{100 * share:.0f} %" for share in shares[:, 0].tolist()], title=title,
            data_name=self.data.title,
        )  # fmt: skip
        caption = "Above: two test images' codes, mixed in steps and decoded. Below: their pixels, in the same steps."
        self.record.add_figure(figure, "interpolation", title, caption)
