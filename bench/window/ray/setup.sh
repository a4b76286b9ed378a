#!/bin/sh
# Makes the Python environment of Ray Serve for the window benchmark: setup.sh [FOLDER]. Default: .scratch/window-venv. Does
# nothing while requirements.txt is unchanged.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../../../.scratch/window-venv}
if cmp -s "$here/requirements.txt" "$folder/requirements.txt"; then exit 0; fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Ray Serve needs Python 3.11 or later" >&2; exit 1; }
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet --requirement "$here/requirements.txt"
# Last, so that an incomplete environment is made again.
cp "$here/requirements.txt" "$folder/requirements.txt"
