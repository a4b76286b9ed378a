#!/bin/sh
# Makes the Python environment of the peers benchmark: setup.sh [FOLDER]. Default: bench/.data/peers-venv. Does nothing while
# requirements.txt is unchanged.
set -eu
folder=${1:-$(dirname "$0")/../.data/peers-venv}
here=$(cd "$(dirname "$0")" && pwd)
if cmp -s "$here/requirements.txt" "$folder/requirements.txt"; then exit 0; fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "the peers need Python 3.10 or later" >&2; exit 1; }
# Only Spark needs Java.
java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])' || { echo "the peers need Java 17 or later on the PATH" >&2; exit 1; }
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet --requirement "$here/requirements.txt"
# Last, so that an incomplete environment is made again.
cp "$here/requirements.txt" "$folder/requirements.txt"
