"""One of two processes that normalize a batch together: `python synchronized_program.py RANK FILE`."""

import sys

import torch
import torch.distributed

import treadle

ROWS = 8


def main(rank: int, file: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2
    )
    x = torch.randn(ROWS, 3, generator=torch.Generator().manual_seed(0))
    upstream = torch.arange(3.0 * ROWS).reshape(ROWS, 3)
    own = slice(rank * 3, 3 if rank == 0 else ROWS)  # 3 rows and 5: uneven batches

    def normalize(layer: treadle.Layer, rows: slice) -> tuple[torch.Tensor, ...]:
        layer.build((None, 3))
        inputs = x[rows].clone().requires_grad_()
        outputs = layer(inputs, training=True)
        return outputs, *torch.autograd.grad((outputs * upstream[rows]).sum(), inputs)

    found = normalize(treadle.layers.BatchNormalization(synchronized=True), own)
    expected = normalize(treadle.layers.BatchNormalization(), slice(None))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other[own], rtol=1e-4, atol=1e-4)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
