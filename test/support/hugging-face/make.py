"""Makes the files of this folder with Hugging Face's `datasets`, and reads them back with it (expected.json).

pip install datasets==5.2.0 pillow==13.0.0 numpy
"""
import io, json, os, wave
import numpy
from datasets import Audio, ClassLabel, Dataset, Features, Image, List, Value, load_dataset
from PIL import Image as Pillow

os.chdir(os.path.dirname(os.path.abspath(__file__)))
NAMES = ["red", "green", "blue"]
random = numpy.random.default_rng(7)


def picture(kind):
    """Draws noise in which one colour is strongest."""
    pixels = random.integers(0, 120, (6, 8, 3), dtype=numpy.uint8)
    pixels[:, :, kind] += 100
    return Pillow.fromarray(pixels)


def sound(samples):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
        out.writeframes(numpy.asarray(samples, dtype="<i2").tobytes())
    return {"bytes": file.getvalue(), "path": "tone.wav"}


kinds = [int(kind) for kind in random.integers(0, 3, 12)]
features = Features({"id": Value("int32"), "image": Image(), "label": ClassLabel(names=NAMES)})
rows = [{"id": at, "image": picture(kind), "label": kind} for at, kind in enumerate(kinds)]
Dataset.from_list(rows, features=features).to_parquet("pictures.parquet")

samples = [[int(value) for value in random.integers(-20000, 20000, 32)] for _ in range(4)]
heard = [{"id": at, "audio": sound(own)} for at, own in enumerate(samples)]
# A cast of structs gives the same column as encoding, and needs no library of sounds.
audio = Features({"id": Value("int32"), "audio": Audio(sampling_rate=16000, decode=False)})
Dataset.from_list(heard).cast(audio).to_parquet("sounds.parquet")

# Pictures in lists, in lists of lists and in a struct, and labels in lists. Row n has n + 1 pictures.
plain = [Pillow.new("RGB", (8, 6), tuple(200 if at == kind else 20 for at in range(3))) for kind in range(3)]
nested = Features({
    "id": Value("int32"), "images": List(Image()), "pages": List(List(Image())), "tags": List(ClassLabel(names=NAMES)),
    "pair": List(Image(), length=2), "deep": {"image": Image(), "size": Value("int32")},
})
lists = []
for at in range(3):
    own = [plain[(at + step) % 3] for step in range(at + 1)]
    deep = {"image": plain[at], "size": at}
    lists.append({"id": at, "images": own, "pages": [own[:1], own[1:]], "tags": list(range(at)), "pair": plain[:2], "deep": deep})
Dataset.from_list(lists, features=nested).to_parquet("lists.parquet")

found = []
read = load_dataset("parquet", data_files="pictures.parquet", split="train")
for row in read:
    means = numpy.asarray(row["image"].convert("RGB"), dtype=numpy.float64).mean(axis=(0, 1)) / 255
    assert read.features["label"].int2str(row["label"]) == NAMES[int(means.argmax())]
    found.append([row["id"], means.tolist(), read.features["label"].int2str(int(means.argmax()))])
peaks = []
for row in load_dataset("parquet", data_files="sounds.parquet", split="train").cast_column("audio", Audio(decode=False)):
    with wave.open(io.BytesIO(row["audio"]["bytes"])) as file:
        values = numpy.frombuffer(file.readframes(32), dtype="<i2")
    peaks.append([row["id"], float(values.max()) / 32768])
with open("expected.json", "w") as file:
    json.dump({"pictures": found, "sounds": peaks}, file, indent=2)
