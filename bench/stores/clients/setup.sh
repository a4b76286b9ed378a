#!/bin/sh
# Installs the other clients of the stores benchmark: setup.sh FOLDER. Does nothing while the versions are unchanged.
set -eu
folder=$1
aws=3.1175.0
obstore=0.12.1
wanted="$aws $obstore"
if [ "$(cat "$folder/versions" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
rm -rf "$folder"
mkdir -p "$folder"
echo '{"private":true}' > "$folder/package.json"
# Not --silent, which would hide why a registry cannot be reached.
npm install --prefix "$folder" --loglevel=error --fetch-retries=4 --no-audit --no-fund "@aws-sdk/client-s3@$aws"
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --disable-pip-version-check --quiet "obstore==$obstore"
# Last, so that an incomplete folder is made again.
echo "$wanted" > "$folder/versions"
