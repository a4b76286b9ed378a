"""Makes folders in the layouts `imagefolder` and `audiofolder`, and reads them with Hugging Face's `datasets`.

pip install datasets==5.2.0 pillow==13.0.0 numpy
"""
import csv, io, json, os, pathlib, shutil, sys, types, wave
import numpy
from datasets import Audio, Features, Value, load_dataset
from PIL import Image

os.chdir(os.path.dirname(os.path.abspath(__file__)))
NAMES = ["red", "green", "blue"]
random = numpy.random.default_rng(11)
shutil.rmtree("folders", ignore_errors=True)


def picture(path, kind):
    """Writes noise in which one colour is strongest."""
    pixels = random.integers(0, 120, (6, 8, 3), dtype=numpy.uint8)
    pixels[:, :, kind] += 100
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def means_of(image):
    return (numpy.asarray(image.convert("RGB"), dtype=numpy.float64).mean(axis=(0, 1)) / 255).tolist()


for at in range(6):
    picture(pathlib.Path(f"folders/labels/{NAMES[at % 3]}/{at}.png"), at % 3)

captioned = pathlib.Path("folders/captions")
for at in range(4):
    picture(captioned / "pictures" / f"{at}.png", at % 3)
with open(captioned / "metadata.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["file_name", "caption"])
    writer.writerows([f"pictures/{at}.png", f"mostly {NAMES[at % 3]}, and noise"] for at in range(4))

spoken = pathlib.Path("folders/sounds")
spoken.mkdir(parents=True)
with open(spoken / "metadata.jsonl", "w") as lines:
    for at in range(4):
        with wave.open(str(spoken / f"{at}.wav"), "wb") as out:
            out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
            out.writeframes(random.integers(-20000, 20000, 32).astype("<i2").tobytes())
        lines.write(json.dumps({"file_name": f"{at}.wav", "transcription": f"noise {at}"}) + "\n")

read = load_dataset("imagefolder", data_dir="folders/labels", split="train")
labels = [[read.features["label"].int2str(row["label"]), means_of(row["image"])] for row in read]
read = load_dataset("imagefolder", data_dir="folders/captions", split="train")
captions = [[row["caption"], means_of(row["image"])] for row in read]
# `datasets` imports PyTorch and an encoder here, some gigabytes, although sounds in files need no encoding.
encoders = types.ModuleType("torchcodec.encoders")
torch = types.ModuleType("torch")
encoders.AudioEncoder = torch.Tensor = torch.Generator = torch.nn = type("Absent", (), {"Module": type("Module", (), {})})
sys.modules |= {"torch": torch, "torchcodec": types.ModuleType("torchcodec"), "torchcodec.encoders": encoders}
read = load_dataset("audiofolder", data_dir="folders/sounds", split="train", features=Features(
    {"audio": Audio(decode=False), "transcription": Value("string")}
))
sounds = []
for row in read:
    content = row["audio"]["bytes"] or pathlib.Path(row["audio"]["path"]).read_bytes()
    with wave.open(io.BytesIO(content)) as file:
        values = numpy.frombuffer(file.readframes(32), dtype="<i2")
    sounds.append([row["transcription"], float(values.max()) / 32768])
with open("folders.json", "w") as file:
    json.dump({"labels": labels, "captions": captions, "sounds": sounds}, file, indent=2)
