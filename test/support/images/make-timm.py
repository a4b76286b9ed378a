"""Results of timm's evaluation transform for images of this folder (timm.json), computed with Pillow 13.

pip install pillow==13.0.0 numpy

The transform is that of timm/data/transforms_factory.py, transforms_imagenet_eval. torchvision's Resize,
CenterCrop, ToTensor and Normalize are written out, so neither timm nor torch is needed.
"""
import hashlib, json, math, os
import numpy
from PIL import Image

os.chdir(os.path.dirname(os.path.abspath(__file__)))
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
HALF = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
CONFIGS = {
    "center": {"input_size": [3, 32, 32], "crop_pct": 0.9, "interpolation": "bicubic", "crop_mode": "center", **IMAGENET},
    "usual": {"input_size": [3, 16, 16]},
    "whole": {"input_size": [3, 24, 24], "crop_pct": 1.0, "interpolation": "bilinear", **HALF},
    "squash": {"input_size": [3, 20, 28], "crop_pct": 0.95, "interpolation": "lanczos", "crop_mode": "squash", **HALF},
    "nearest": {"input_size": [3, 14, 14], "crop_pct": 0.82, "interpolation": "nearest", **IMAGENET},
}


def resize(image, size, filter):
    """Resizes like torchvision's Resize: one number is the shorter edge, and two are height and width."""
    if isinstance(size, int):
        width, height = image.size
        short, long = (width, height) if width <= height else (height, width)
        longer = int(size * long / short)
        size = (longer, size) if width <= height else (size, longer)
    return image.resize((size[1], size[0]), filter)


def center_crop(image, height, width):
    """Crops like torchvision's CenterCrop, for a large enough image."""
    top = int(round((image.size[1] - height) / 2.0))
    left = int(round((image.size[0] - width) / 2.0))
    return image.crop((left, top, left + width, top + height))


def transform(image, config):
    _, height, width = config["input_size"]
    share = config.get("crop_pct") or 0.875
    scale = (math.floor(height / share), math.floor(width / share))
    filter = FILTERS[config.get("interpolation", "bicubic")]
    if config.get("crop_mode") == "squash":
        image = resize(image, scale, filter)
    else:
        assert scale[0] == scale[1]
        image = resize(image, scale[0], filter)
    return center_crop(image, height, width)


found = {}
for name, config in CONFIGS.items():
    made = {}
    for file in ["rgb.png", "rgb.jpg", "lossless.webp"]:
        cut = numpy.asarray(transform(Image.open(file).convert("RGB"), config))
        tensor = cut.astype(numpy.float32).transpose(2, 0, 1) / numpy.float32(255)
        mean = numpy.float32(config.get("mean", IMAGENET["mean"])).reshape(3, 1, 1)
        std = numpy.float32(config.get("std", IMAGENET["std"])).reshape(3, 1, 1)
        tensor = (tensor - mean) / std
        made[file] = {
            "pixels": hashlib.sha256(cut.tobytes()).hexdigest()[:16],
            "first": [float(value) for value in tensor[:, 0, 0]],
            "means": [float(value) for value in tensor.mean(axis=(1, 2), dtype=numpy.float64)],
        }
    found[name] = {"config": config, "made": made}
with open("timm.json", "w") as file:
    json.dump(found, file, indent=2, sort_keys=True)
