"""A DCGAN that learns to draw digits: two models, two optimizers and two tapes in one hand-written step.

python examples/dcgan.py [epochs] [folder of the picture] [batch size] [dtype policy]

On one processor core an epoch of MNIST takes 6 minutes under `mixed_bfloat16`, if the core knows that dtype, and about
twice that under `float32`. The run can be stopped at any time (Ctrl-C): the same command goes on from where it was.
Digits can be recognised after some 5,000 steps; smaller batches get there sooner.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import handwritten
import numpy as np
import torch

import treadle
from treadle import layers

LATENT = 128


def make_discriminator() -> treadle.Model:
    """Return a model from images (batch, 28, 28, 1) to logits (batch, 1), high for images that are drawn."""
    return treadle.Sequential(
        [
            treadle.Input((28, 28, 1)),
            layers.Conv2D(64, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(128, 3, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1),
        ],
        name="discriminator",
    )


def make_generator() -> treadle.Model:
    """Return a model from points (batch, LATENT) to images (batch, 28, 28, 1) in [0, 1]."""
    return treadle.Sequential(
        [
            treadle.Input((LATENT,)),
            layers.Dense(7 * 7 * 128),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Reshape((7, 7, 128)),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Conv2D(1, 7, padding="same", activation="sigmoid"),
        ],
        name="generator",
    )


def make_step(generator: treadle.Model, discriminator: treadle.Model, *optimizers: Any) -> Any:
    """Return a function that trains both models on a batch of real images and returns both losses."""
    g_optimizer, d_optimizer = optimizers
    loss_fn = treadle.losses.BinaryCrossentropy(from_logits=True)

    def step(real: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        count = len(real)
        with torch.no_grad():
            drawn = generator(torch.randn(count, LATENT))
        labels = torch.cat([torch.ones(count, 1), torch.zeros(count, 1)])
        labels += 0.05 * torch.rand(labels.shape)  # noisy labels keep the discriminator unsure
        with treadle.GradientTape() as tape:
            d_loss = loss_fn(labels, discriminator(torch.cat([drawn, real])))
        weights = discriminator.trainable_weights
        d_optimizer.apply(tape.gradient(d_loss, weights), weights)

        with treadle.GradientTape() as tape:
            logits = discriminator(generator(torch.randn(count, LATENT)))
            g_loss = loss_fn(torch.zeros(count, 1), logits)  # zero: "these are real"
        weights = generator.trainable_weights
        g_optimizer.apply(tape.gradient(g_loss, weights), weights)
        return d_loss, g_loss

    return step


def save_picture(generator: treadle.Model, path: Path, rows: int = 8) -> None:
    """Save `rows` x `rows` drawn images, always from the same points."""
    points = torch.randn(rows * rows, LATENT, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        tiles = generator(points).reshape(rows, rows, 28, 28)
    sheet = tiles.permute(0, 2, 1, 3).reshape(rows * 28, rows * 28, 1)
    treadle.utils.array_to_img(sheet * 255, scale=False).save(path)


def main(
    epochs: int = 30,
    folder: str | Path = "dcgan",
    batch_size: int = 64,
    policy: str | None = None,
    samples: int | None = None,
) -> Path:
    """Train on training and test digits; return the path of the last picture."""
    if policy is not None:
        treadle.config.set_dtype_policy(policy)
    treadle.utils.set_random_seed(0)
    (x_train, _), (x_test, _) = handwritten.load(samples)
    folder = Path(folder)
    generator, discriminator = make_generator(), make_discriminator()
    g_optimizer = treadle.optimizers.Adam(0.0004)
    d_optimizer = treadle.optimizers.Adam(0.0003)
    g_optimizer.build(generator.trainable_weights)
    d_optimizer.build(discriminator.trainable_weights)
    step = make_step(generator, discriminator, g_optimizer, d_optimizer)

    loop = treadle.Loop(
        np.concatenate([x_train, x_test]),
        batch_size=batch_size,
        epochs=epochs,
        model=generator,
        resume=folder / "checkpoints",
        save_every=200,
    )
    loop.track(discriminator, g_optimizer, d_optimizer)
    picture = folder / "generated.png"
    for epoch in loop:
        for (real,) in epoch:
            d_loss, g_loss = step(real)
            epoch.log(discriminator=d_loss, generator=g_loss)
            if epoch.step % 200 == 0:
                save_picture(generator, picture)
    save_picture(generator, picture)
    return picture


if __name__ == "__main__":
    main(
        *(int(argument) for argument in sys.argv[1:2]),
        *sys.argv[2:3],
        *(int(argument) for argument in sys.argv[3:4]),
        *sys.argv[4:5],
    )
