"""Makes a WebDataset in a folder, by the webdataset library and by tarfile, and prints its rows as the library
decodes them: `python webdataset_shards.py FOLDER`.

`images/` has images by `ShardWriter`. `tars/` has names, sizes, formats and packings of all kinds.
"""
import gzip, hashlib, io, json, os, random, sys, tarfile
import numpy, webdataset, zstandard
from PIL import Image

FOLDER = sys.argv[1]
FORMATS = [tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]
ENDINGS = ["jpg", "cls", "txt", "json", "seg.png", "NPY", "id", "caption.txt"]
SIZES = [0, 1, 511, 512, 513, 1 << 20]
STEMS = [
    lambda i: f"{i:06d}", lambda i: f"é漢字😀{i}", lambda i: f"a b  {i}", lambda i: f"./a.b/c.d/{i}",
    lambda i: f"{i}" + "x" * 95, lambda i: f"d{i}/" * 25 + f"{i}" + "y" * 50, lambda i: f"{i}" + "z" * 300,
]
chance = random.Random(7)


def images():
    folder = os.path.join(FOLDER, "images")
    os.makedirs(folder)
    with webdataset.ShardWriter(f"{folder}/shard-%03d.tar", maxcount=7, verbose=0) as writer:
        for i in range(20):
            pixels = numpy.random.default_rng(i).integers(0, 256, (12, 12, 3), dtype=numpy.uint8)
            writer.write({"__key__": f"train/{i:04d}", "png": Image.fromarray(pixels), "cls": i % 5,
                          **({"json": {"i": i}} if i % 3 else {})})
    urls = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    rows = webdataset.WebDataset(urls, shardshuffle=False).decode("pil")
    return [{"key": row["__key__"], "cls": row["cls"],
             "means": (numpy.asarray(row["png"].convert("RGB"), dtype=numpy.float64) / 255).mean((0, 1)).tolist()}
            for row in rows]


def content(ending):
    last = ending.lower().split(".")[-1]
    if last in ("cls", "id"):
        return f"{chance.randint(-10**6, 10**6)}\n".encode()
    if last in ("txt", "json"):
        return json.dumps("é" * chance.randint(0, 300), ensure_ascii=False).encode()
    return chance.randbytes(chance.choice(SIZES))


def tar(name):
    raw = io.BytesIO()
    form = chance.choice(FORMATS)
    with tarfile.open(fileobj=raw, mode="w", format=form) as made:
        for i in range(chance.randint(1, 12)):
            stem = chance.choice(STEMS)(i)
            for ending in chance.sample(ENDINGS, 5):
                member = tarfile.TarInfo(f"{stem}.{ending}")
                data = content(ending)
                member.size, member.mtime = len(data), 0.5
                try:
                    made.addfile(member, io.BytesIO(data))
                except ValueError:
                    continue  # ustar cannot hold the name.
    packing = chance.choice(["", ".gz", ".zst"])
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor(write_checksum=True).compress}
    path = os.path.join(FOLDER, "tars", f"{name}.tar{packing}")
    with open(path, "wb") as file:
        file.write(pack[packing](raw.getvalue()))
    members = ({**member, "__url__": path} for member in
               webdataset.tariterators.tar_file_iterator(io.BytesIO(raw.getvalue())))
    return [{key: shown(key, value) for key, value in row.items() if key != "__url__"}
            for row in webdataset.tariterators.group_by_keys(members)]


def shown(key, value):
    last = key.split(".")[-1]
    if key == "__key__" or last == "json":
        return value if isinstance(value, str) else value.decode()
    if last in ("txt", "cls", "id"):
        return webdataset.autodecode.basichandlers(key, value)
    return hashlib.sha256(value).hexdigest()


os.makedirs(os.path.join(FOLDER, "tars"))
print(json.dumps({"images": images(), "tars": [row for name in range(40) for row in tar(f"{name:02d}")]}))
