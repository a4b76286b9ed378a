#!/bin/sh
# Makes a Python environment of the peers benchmark: setup.sh [FOLDER [REQUIREMENTS]]. Default: bench/.data/peers-venv and
# requirements.txt. Does nothing while the requirements are unchanged.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/../.data/peers-venv}
requirements=${2:-$here/requirements.txt}
if cmp -s "$requirements" "$folder/requirements.txt"; then exit 0; fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "the peers need Python 3.10 or later" >&2; exit 1; }
# Only Spark needs Java.
java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])' || { echo "the peers need Java 17 or later on the PATH" >&2; exit 1; }
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet --requirement "$requirements"
# Last, so that an incomplete environment is made again.
cp "$requirements" "$folder/requirements.txt"
