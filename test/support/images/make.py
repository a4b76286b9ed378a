"""Makes the images of this folder, and the results of Pillow 13 and OpenCV 5 for them (pillow.json).

pip install pillow==13.0.0 numpy opencv-python-headless==5.0.0.93
"""
import hashlib, json, os, struct, zlib
import cv2, numpy
from PIL import Image, ImageOps

os.chdir(os.path.dirname(os.path.abspath(__file__)))
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}
# Smaller, larger, with one equal edge, and so small that rows are scaled before columns.
SIZES = [(20, 14), (61, 20), (20, 43), (90, 70), (61, 43), (70, 30), (1, 1)]
found = {"decoded": {}, "resized": {}, "means": {}}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def sha256(image):
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


def scene(width, height):
    """Draws soft and hard edges, dark and light areas, and shifted colours, at which filters differ."""
    image = Image.new("RGB", (width, height))
    state = 1
    for y in range(height):
        for x in range(width):
            state = (state * 1103515245 + 12345) % 2**31
            noise = state >> 25
            image.putpixel((x, y), ((x * 4 + noise) % 256, (y * 5 + x) % 256, 255 if (x // 7 + y // 5) % 2 else noise))
    return image


def keep(name, image, **options):
    if image is not None:
        image.save(name, **options)
    turned = ImageOps.exif_transpose(Image.open(name))
    plain = Image.open(name)
    found["decoded"][name] = {
        "size": plain.size, "rgb": sha256(plain.convert("RGB")), "gray": sha256(plain.convert("L")),
        "turned": {"size": turned.size, "rgb": sha256(turned.convert("RGB"))},
    }


def png(name, rows, kind, width):
    """Writes a PNG of 16 bits per channel, which Pillow cannot."""
    chunk = lambda tag, data: struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
    header = struct.pack(">IIBBBBB", width, len(rows), 16, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + struct.pack(f">{len(row)}H", *row) for row in rows))
    with open(name, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


image = scene(61, 43)
small = scene(23, 17)
alpha = small.copy()
alpha.putalpha(Image.linear_gradient("L").resize(small.size))
keep("rgb.png", image)
keep("rgb.jpg", small, quality=80)
keep("progressive.jpg", small, quality=80, progressive=True)
keep("gray.jpg", small.convert("L"), quality=80)
keep("cmyk.jpg", small.convert("CMYK"), quality=80)
keep("gray.png", small.convert("L"))
keep("palette.png", small.quantize(16))
keep("alpha.png", alpha)
keep("gray-alpha.png", alpha.convert("LA"))
keep("one-bit.png", small.convert("1"))
keep("lossless.webp", small, lossless=True)
keep("lossy.webp", small, quality=80)
keep("alpha.webp", alpha, lossless=True)
keep("still.gif", small.quantize(16))
keep("lzw.tif", small, compression="tiff_lzw")
keep("cmyk.tif", small.convert("CMYK"))
small.quantize(16).save("moving.gif", save_all=True, append_images=[small.rotate(180).quantize(16)])
keep("moving.gif", None)
for turn in range(1, 9):
    exif = Image.Exif()
    exif[0x112] = turn
    keep(f"turn-{turn}.jpg", small, quality=80, exif=exif)
exif = Image.Exif()
exif[0x112] = 6
keep("turn-6.png", small, exif=exif)
keep("turn-6.webp", small, exif=exif, lossless=True)
deep = [[value * 257 ^ 0x55 for x in range(23) for value in small.getpixel((x, y))] for y in range(17)]
png("deep.png", deep, 2, 23)
keep("deep.png", None)
# Pillow clips 16-bit grey values at 255. Here their upper 8 bits are used, as for colours.
grey = [[small.convert("L").getpixel((x, y)) * 257 ^ 0x55 for x in range(23)] for y in range(17)]
png("deep-gray.png", grey, 0, 23)
small.save("small.avif", quality=100, subsampling="4:4:4")
Image.new("F", (4, 4)).save("floats.tif")
for name, code in FILTERS.items():
    for size in SIZES:
        found["resized"][f"{name} {size[0]} {size[1]}"] = {
            "rgb": sha256(image.resize(size, code)), "gray": sha256(image.convert("L").resize(size, code)),
        }
# OpenCV has a special case for halving. It uses the upper left 60 x 42.
for size in SIZES + [(30, 21)]:
    source = image.crop((0, 0, 60, 42)) if size == (30, 21) else image
    scaled = lambda mode: hashlib.sha256(cv2.resize(numpy.asarray(source.convert(mode)), size).tobytes()).hexdigest()[:16]
    found["resized"][f"opencvLinear {size[0]} {size[1]}"] = {"rgb": scaled("RGB"), "gray": scaled("L")}
# Like a processor: shortest edge 16, the central 12 x 12, normalised, then the mean of each channel.
for name in ["rgb.png", "rgb.jpg", "cmyk.jpg", "alpha.png", "turn-6.jpg", "lossless.webp", "still.gif"]:
    turned = ImageOps.exif_transpose(Image.open(name)).convert("RGB")
    width, height = turned.size
    scaled = (16, int(16 * height / width)) if width < height else (int(16 * width / height), 16)
    left, top = (scaled[0] - 12) // 2, (scaled[1] - 12) // 2
    cut = turned.resize(scaled, FILTERS["bicubic"]).crop((left, top, left + 12, top + 12))
    pixels = [cut.getpixel((x, y)) for y in range(12) for x in range(12)]
    found["means"][name] = [
        sum((pixel[c] / 255 - MEAN[c]) / STD[c] for pixel in pixels) / len(pixels) for c in range(3)
    ]
with open("pillow.json", "w") as file:
    json.dump(found, file, indent=2, sort_keys=True)
