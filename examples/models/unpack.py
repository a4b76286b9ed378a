"""unpack.py ARCHIVE FOLDER < JSON: writes files of a wheel or `npm pack` archive. JSON: [{inside, as}]."""

import io
import json
import pathlib
import sys
import tarfile
import zipfile


def opened(data):
    """Returns a function that reads a file in an archive of either kind."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        return zipfile.ZipFile(io.BytesIO(data)).read
    tar = tarfile.open(fileobj=io.BytesIO(data))
    return lambda name: tar.extractfile(name).read()


archive, folder = sys.argv[1:]
for file in json.load(sys.stdin):
    data = pathlib.Path(archive).read_bytes()
    for name in file["inside"].split("!/"):
        data = opened(data)(name)
    path = pathlib.Path(folder, file["as"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
