"""A variational autoencoder: the sampling layer adds the divergence to the loss by `add_loss`.

python examples/vae.py [epochs] [picture.png]
"""

from __future__ import annotations

import sys

import handwritten
import torch

import treadle
from treadle import layers

LATENT = 2


class Sampling(layers.Layer):
    """Draws from the normal distribution that mean and log variance describe, and adds its divergence to the loss."""

    def call(self, inputs: list[torch.Tensor], training: bool | None = None) -> torch.Tensor:
        """Return a sample (batch, LATENT); the mean itself in inference."""
        mean, log_variance = inputs
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1)
        self.add_loss(divergence.mean())
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean) if training else mean


def make_models() -> tuple[treadle.Model, treadle.Model]:
    """Return the autoencoder of images (batch, 784), and its decoder alone."""
    inputs = treadle.Input((784,))
    hidden = layers.Dense(256, activation="relu")(inputs)
    code = Sampling()([layers.Dense(LATENT)(hidden), layers.Dense(LATENT)(hidden)])
    decoder = treadle.Sequential(
        [
            treadle.Input((LATENT,)),
            layers.Dense(256, activation="relu"),
            layers.Dense(784, activation="sigmoid"),
        ]
    )
    return treadle.Model(inputs, decoder(code)), decoder


def reconstruction(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    """Return the crossentropy of each image, summed over its pixels: (batch,)."""
    return 784 * treadle.losses.binary_crossentropy(y_true, y_pred)


def save_picture(decoder: treadle.Model, path: str, rows: int = 15) -> None:
    """Save what the decoder draws on a grid of codes."""
    line = torch.linspace(-2, 2, rows)
    codes = torch.cartesian_prod(line, line)  # (rows * rows, LATENT)
    tiles = torch.as_tensor(decoder.predict(codes, verbose=0)).reshape(rows, rows, 28, 28)
    sheet = tiles.permute(0, 2, 1, 3).reshape(rows * 28, rows * 28, 1)
    treadle.utils.array_to_img(sheet * 255, scale=False).save(path)


def main(epochs: int = 10, picture: str = "vae.png", samples: int | None = None) -> float:
    """Train; return the last loss."""
    treadle.utils.set_random_seed(0)
    (x_train, _), _ = handwritten.load(samples)
    x_train = x_train.reshape(-1, 784)
    model, decoder = make_models()
    model.compile(treadle.optimizers.Adam(1e-3), loss=reconstruction)
    history = model.fit(x_train, x_train, batch_size=128, epochs=epochs)
    save_picture(decoder, picture)
    return history.history["loss"][-1]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]), *sys.argv[2:3])
