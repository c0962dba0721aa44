"""What every image layer must do, whatever it does to images."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.layers.table_images import HEIGHT, IMAGE_ROWS, ONE_EACH, WIDTH, ImageRow
from treadle import graph, layers
from treadle.layers._images import _policies

rows = pytest.mark.parametrize("row", IMAGE_ROWS, ids=str)
one_each = pytest.mark.parametrize("row", ONE_EACH, ids=str)
random_ones = pytest.mark.parametrize("row", [row for row in ONE_EACH if row.random], ids=str)


@pytest.fixture(autouse=True)
def _no_model_in_the_making() -> None:
    """Let no test see the module hooks that an Input of another one installed."""
    graph.unwatch_modules()


@rows
def test_shape_dtype_and_symbols_agree(row: ImageRow) -> None:
    layer = row.make()
    symbolic = layer(treadle.Input((HEIGHT, WIDTH, row.channels)))
    graph.unwatch_modules()
    for training in (True, False):
        real = layer(row.images(), training=training)
        assert symbolic.shape == (None, *real.shape[1:]) == (None, *row.size, row.channels)
        assert real.dtype == symbolic.dtype == torch.float32
        assert torch.isfinite(real).all() and not real.requires_grad
    assert layer.built and not layer.weights


@rows
def test_inference_changes_nothing_but_sizes(row: ImageRow) -> None:
    layer, images = row.make(), row.images()
    again = layer(images, training=False)
    assert torch.equal(layer(images, training=False), again)
    if row.random and not row.resizes:
        assert torch.equal(again, images)
        layer.eval()
        assert torch.equal(layer(images), images)
    if not row.random:
        assert torch.equal(layer(images, training=True), again)


@rows
def test_configuration_round_trip(row: ImageRow) -> None:
    layer = row.make(name="kept", **({"seed": 3} if row.random else {}))
    config = json.loads(json.dumps(layers.serialize(layer)))
    again = layers.deserialize(config)
    assert type(again) is type(layer) and again.name == "kept"
    assert layers.serialize(again) == layers.serialize(layer)
    assert torch.equal(again(row.images()), layer(row.images()))


@rows
def test_both_data_formats_do_the_same(row: ImageRow) -> None:
    seed = {"seed": 3} if row.random else {}
    last = row.make(data_format="channels_last", **seed)
    first = row.make(data_format="channels_first", **seed)
    images = row.images()
    torch.testing.assert_close(
        first(images.movedim(-1, 1)).movedim(1, -1), last(images), rtol=0, atol=1e-3
    )


@rows
def test_one_image_and_integers_give_floats(row: ImageRow) -> None:
    layer = row.make()
    single = layer(row.images()[0])
    assert single.shape == (*row.size, row.channels)
    bytes_in = layer(row.images(dtype=torch.uint8))
    assert bytes_in.dtype is (torch.uint8 if row.name == "Resizing" else torch.float32)
    assert layer(row.images().numpy()).dtype == torch.float32


@one_each
@pytest.mark.parametrize("dtype", ["bfloat16", "mixed_bfloat16", "float64", "uint8"])
def test_dtypes(row: ImageRow, dtype: str) -> None:
    short = dtype.removeprefix("mixed_")
    layer = row.make(dtype=dtype)
    for training in (True, False):
        images = row.images(dtype=torch.uint8 if dtype == "uint8" else torch.float32)
        outputs = layer(images, training=training)
        assert outputs.dtype == getattr(torch, short)
        assert outputs.float().min() >= -1 and outputs.float().max() <= 256


@random_ones
def test_a_seed_makes_a_stream_of_the_layers_own(row: ImageRow) -> None:
    images = row.images(batch=16)
    first = row.make(seed=7)
    a, b = first(images), first(images)
    torch.manual_seed(123)
    second = row.make(seed=7)
    assert not torch.equal(a, b)
    assert torch.equal(second(images), a)
    for copied in (copy.deepcopy(second), pickle.loads(pickle.dumps(second))):
        assert torch.equal(copied(images), b)
    assert not torch.equal(row.make(seed=8)(images), a)


@random_ones
def test_without_a_seed_torch_decides_and_layers_differ(row: ImageRow) -> None:
    images, layer, other = row.images(batch=16), row.make(), row.make()
    torch.manual_seed(5)
    a, b = layer(images), other(images)
    torch.manual_seed(5)
    assert torch.equal(layer(images), a) and not torch.equal(a, b)


@pytest.mark.parametrize("row", [row for row in ONE_EACH if row.random and not row.mixes], ids=str)
def test_images_of_a_batch_have_numbers_of_their_own(row: ImageRow) -> None:
    same = row.images(batch=1).expand(32, -1, -1, -1)
    assert len(row.make(seed=1)(same).flatten(1).unique(dim=0)) > 1


@rows
def test_masks_move_with_the_images(row: ImageRow) -> None:
    """With nearest neighbours, an image of a mask is moved as the mask is."""
    if not row.moves:
        masks = torch.randint(3, (4, HEIGHT, WIDTH, 1))
        samples = row.make()({"images": row.images(), "segmentation_masks": masks})
        assert samples["segmentation_masks"] is masks
        return
    nearest = {"interpolation": "nearest"} if hasattr(row.make(), "interpolation") else {}
    layer = row.make(**nearest)
    masks = row.images().to(torch.int64)
    moved = layer({"images": row.images(), "segmentation_masks": masks})
    assert moved["segmentation_masks"].dtype == torch.int64
    size = row.size
    if row.arguments == {"height": 8, "width": 6}:  # has no interpolation to set
        assert moved["segmentation_masks"].shape[1:3] == size
        return
    torch.testing.assert_close(moved["images"], moved["segmentation_masks"].float())


@one_each
def test_samples_keep_what_is_not_images(row: ImageRow) -> None:
    samples = {"images": row.images(), "labels": torch.eye(4), "name": "kept"}
    before = dict(samples)
    changed = row.make(seed=1)(samples) if row.random else row.make()(samples)
    assert samples == before and changed["name"] == "kept"
    assert row.mixes or changed["labels"] is samples["labels"]
    assert changed["images"].shape == (4, *row.size, row.channels)


@one_each
def test_bounding_boxes_are_refused(row: ImageRow) -> None:
    samples = {"images": row.images(), "bounding_boxes": {"boxes": torch.zeros(4, 1, 4)}}
    with pytest.raises(NotImplementedError, match=f"{row.name} cannot transform bounding boxes"):
        row.make()(samples)


@one_each
def test_images_need_three_or_four_dimensions(row: ImageRow) -> None:
    with pytest.raises(treadle.ShapeError, match=f"input of {row.name} .* is no image"):
        row.make()(torch.zeros(4, 5))
    with pytest.raises(treadle.ShapeError, match='a dict without "images"'):
        row.make()({"labels": torch.zeros(4)})


@one_each
def test_one_mapped_image_at_a_time(row: ImageRow) -> None:
    """In `Dataset.map` draws depend on the element only: a second pass over the same data repeats them."""
    layer = row.make()
    images = row.images(batch=6).numpy()
    data = treadle.data.Dataset.from_tensor_slices(images).map(layer, seed=1)
    first, second = ([image.clone() for image in data] for _ in range(2))
    assert all(image.shape == (*row.size, row.channels) for image in first)
    parallel = treadle.data.Dataset.from_tensor_slices(images)
    again = list(parallel.map(layer, seed=1, num_parallel_calls=3))
    for a, b in zip(first, again, strict=True):
        assert torch.equal(a, b)
    assert len(second) == 6


@pytest.mark.parametrize("workers", [None, 3])
def test_a_seeded_layer_maps_each_element_alike_in_each_run(workers: int | None) -> None:
    """The layer's own seed decides, whatever the map's is, and wherever an iterator goes on."""

    def data() -> Any:
        layer, other = layers.RandomRotation(0.5, seed=3), layers.Dropout(0.5, seed=4)
        images = torch.ones(12, 4, 4, 1) * torch.arange(4.0)[:, None]
        dataset = treadle.data.Dataset.from_tensor_slices(images)

        def function(image: torch.Tensor) -> torch.Tensor:
            return other(layer(image), training=True)

        return dataset.map(function, num_parallel_calls=workers)

    first = torch.stack(list(data()))
    assert len(first.flatten(1).unique(dim=0)) > 6
    assert torch.equal(torch.stack(list(data())), first)
    iterator = iter(data())
    for _ in range(5):
        next(iterator)
    state = iterator.state_dict()
    again = iter(data())
    again.load_state_dict(state)
    assert torch.equal(torch.stack(list(again)), first[5:])


@pytest.mark.parametrize("style", ["sequential", "functional", "subclass"])
def test_models_augment_in_training_only(style: str) -> None:
    images = torch.rand(8, HEIGHT, WIDTH, 1)

    class Own(treadle.Model):
        def __init__(self) -> None:
            super().__init__()
            self.flip = layers.RandomFlip()

        def call(self, inputs: Any) -> Any:
            return self.flip(inputs)

    inputs = treadle.Input((HEIGHT, WIDTH, 1))
    made = {
        "sequential": lambda: treadle.Sequential([inputs, layers.RandomFlip()]),
        "functional": lambda: treadle.Model(inputs, layers.RandomFlip()(inputs)),
        "subclass": Own,
    }
    model = made[style]()
    assert torch.equal(model(images, training=False), images)
    assert not torch.equal(model(images, training=True), images)
    np.testing.assert_array_equal(model.predict(images.numpy(), verbose=0), images.numpy())


def test_a_direct_call_augments_unless_told_otherwise() -> None:
    images, layer = torch.rand(32, HEIGHT, WIDTH, 1), layers.RandomFlip()
    assert not torch.equal(layer(images), images)
    assert torch.equal(layer(images, training=False), images)
    layer.eval()
    assert torch.equal(layer(images), images)


def test_images_of_any_size_in_one_model() -> None:
    outputs = layers.Resizing(4, 4)(layers.RandomFlip()(treadle.Input((None, None, 3))))
    assert outputs.shape == (None, 4, 4, 3)


COMPILED = ("RandomFlip", "RandomRotation", "RandomHue", "CutMix", "RandomErasing", "Equalization")


@pytest.mark.parametrize(
    "row", [row for row in ONE_EACH if row.name in (*COMPILED, "RandomElasticTransform")], ids=str
)
def test_compiles_without_a_graph_break(row: ImageRow) -> None:
    layer, images = row.make(), row.images()
    layer(images)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    assert compiled(images).shape == (4, *row.size, row.channels)


def test_policies_give_the_same_where_reading_a_tensor_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On other devices and in compiled programs all augmentations run, and one is taken for each image."""
    images = torch.rand(8, HEIGHT, WIDTH, 3) * 255
    for name in ("RandAugment", "AugMix"):
        layer = getattr(layers, name)()
        drawn = layer.get_random_transformation(images)
        picked = layer.transform_images(images, drawn)
        monkeypatch.setattr(_policies, "_reads_are_free", lambda images: False)
        torch.testing.assert_close(layer.transform_images(images, drawn), picked)
        monkeypatch.undo()


def test_pipeline_calls_one_layer_after_the_other() -> None:
    pipeline = layers.Pipeline(
        [layers.RandomFlip(seed=1), layers.CenterCrop(2, 2), layers.Rescaling(0.5)], name="three"
    )
    images = torch.rand(16, 6, 6, 1)
    calm = pipeline(images, training=False)
    torch.testing.assert_close(calm, images[:, 2:4, 2:4] / 2)
    assert not torch.equal(pipeline(images), calm)
    again = layers.deserialize(layers.serialize(pipeline))
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in pipeline.layers]
    with pytest.raises(TypeError, match=r"Pipeline takes layers(.|\n)*layers\.Lambda"):
        layers.Pipeline([abs])


def test_boxes_are_cut_or_filled_to_one_number() -> None:
    boxes = {"boxes": torch.arange(16.0).reshape(1, 4, 4), "labels": torch.arange(4)[None]}
    samples = {"images": torch.zeros(1, 2, 2, 1), "bounding_boxes": boxes}
    fewer = layers.MaxNumBoundingBoxes(2)(samples)["bounding_boxes"]
    assert fewer["labels"].tolist() == [[0, 1]] and fewer["boxes"].shape == (1, 2, 4)
    more = layers.MaxNumBoundingBoxes(6, fill_value=-5)(samples)
    assert more["bounding_boxes"]["labels"].tolist() == [[0, 1, 2, 3, -5, -5]]
    assert torch.equal(more["bounding_boxes"]["boxes"][0, 4:], torch.full((2, 4), -5.0))
    assert more["images"] is samples["images"]
    with pytest.raises(treadle.DataError, match="found no bounding boxes"):
        layers.MaxNumBoundingBoxes(2)({"images": torch.zeros(1, 2, 2, 1)})
