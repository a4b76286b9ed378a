# Makes the Python environment of the reference programs: setup.sh FOLDER. Does nothing while the package
# lists are unchanged.
set -eu
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
if cat "$here/requirements.txt" "$here/makers.txt" | cmp -s - "$folder/installed.txt"; then exit 0; fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "the reference programs need Python 3.11 or later" >&2; exit 1; }
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet --requirement "$here/requirements.txt"
"$folder/bin/python" -m pip install --disable-pip-version-check --quiet --no-deps --requirement "$here/makers.txt"
# Last, so that an incomplete environment is made again.
cat "$here/requirements.txt" "$here/makers.txt" > "$folder/installed.txt"
