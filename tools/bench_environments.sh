#!/bin/sh
# Makes the environments of the benchmark's peers in .bench (or $TREADLE_BENCH): Keras on torch, TensorFlow and JAX,
# and Lightning. Some 3 GB.
set -e
root=$(cd "$(dirname "$0")/.." && pwd)
to=${TREADLE_BENCH:-$root/.bench}
python=${PYTHON:-python3.11}
make() {
	name=$1
	shift
	[ -x "$to/$name/bin/python" ] || "$python" -m venv "$to/$name"
	"$to/$name/bin/python" -m pip install -q --disable-pip-version-check "$@"
}
make keras -c "$root/constraints.txt" "keras==3.15.*" torch
make tf "keras==3.15.*" tensorflow-cpu
make jax "keras==3.15.*" jax
make light -c "$root/constraints.txt" torch lightning torchmetrics
