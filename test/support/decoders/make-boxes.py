"""Makes `boxes.json`: boxes as Ultralytics, YOLOX, torchvision and OpenCV choose and place them.

Needs Python with torch, torchvision, ultralytics 8.4.190 and opencv-python-headless, and the unpacked source of
yolox 0.3.0 (`pip download --no-deps --no-build-isolation yolox==0.3.0`). In this folder:
`python make-boxes.py YOLOX_FOLDER`.
"""

import base64
import importlib.util
import json
import sys

import cv2
import numpy as np
import torch
from torchvision.ops import batched_nms, nms
from ultralytics.utils.nms import non_max_suppression
from ultralytics.utils.ops import scale_boxes, xywh2xyxy


def of_yolox(name):
    spec = importlib.util.spec_from_file_location(name, f"{sys.argv[1]}/yolox/utils/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


postprocess = of_yolox("boxes").postprocess
demo_postprocess = of_yolox("demo_utils").demo_postprocess

rng = np.random.default_rng(193)
SIDE, CLASSES, ANCHORS = 64, 3, 84
NAN, INF = float("nan"), float("inf")


def packed(values):
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def crowd(count, whole=False):
    """Boxes `cx cy w h` that overlap: a few centres with shifts. Some leave the image."""
    centres = rng.uniform(0, SIDE, (6, 2))[rng.integers(0, 6, count)] + rng.uniform(-3, 3, (count, 2))
    boxes = np.concatenate([centres, rng.uniform(8, 22, (count, 2))], axis=1)
    return (boxes.round() if whole else boxes).astype(np.float32)


def odd(boxes, scores):
    """Adds what models seldom give: boxes without area, equal and invalid scores, infinite boxes."""
    boxes[:4, 2:] = [[0, 0], [0, 9], [9, 0], [0, 0]]
    boxes[3, :2] = boxes[0, :2]
    scores[4:16] = scores[4]
    scores[16, 0], scores[17, 2], scores[18, 1], scores[19, :] = NAN, NAN, INF, -INF
    boxes[20, 0], boxes[21, 2], boxes[22] = NAN, INF, [-500, 900, 40, 40]
    scores[20:23, 1] = 0.9
    return boxes, scores


def kept(found):
    """A case's result from rows of corners, score and class."""
    found = np.zeros((0, 6)) if found is None else np.asarray(found)
    return {"corners": packed(found[:, :4]), "scores": packed(found[:, 4]), "indices": found[:, 5].astype(int).tolist()}


def options(spec):
    return {
        "conf_thres": spec.get("minScore", 0.25),
        "iou_thres": spec.get("maxOverlap", 0.7),
        "agnostic": spec.get("acrossClasses", False),
        "max_det": spec.get("maxBoxes", 300),
    }


def case(head, spec, tensor, found):
    return {"head": head, "spec": spec, "dims": list(tensor.shape), "tensor": packed(tensor), "kept": kept(found)}


def of_v8(boxes, scores):
    return np.concatenate([boxes, scores], axis=1).T.astype(np.float32)


def of_v5(boxes, objects, scores):
    return np.concatenate([boxes, objects[:, None], scores], axis=1).astype(np.float32)


def by_ultralytics(boxes, scores, spec):
    tensor = of_v8(boxes, scores)
    return non_max_suppression(torch.tensor(tensor)[None], **options(spec))[0]


def by_torchvision(boxes, scores, spec):
    """The likeliest class of each box, suppressed by class without Ultralytics' shift of coordinates."""
    given = options(spec)
    best, classes = torch.tensor(scores).max(dim=1)
    corners = xywh2xyxy(torch.tensor(boxes))
    chosen = torch.nonzero(best > given["conf_thres"])[:, 0]
    own = torch.zeros_like(classes) if given["agnostic"] else classes
    order = []
    for one in own[chosen].unique():
        mine = chosen[own[chosen] == one]
        order += mine[nms(corners[mine], best[mine], given["iou_thres"])].tolist()
    order = sorted(order, key=lambda index: (-best[index], index))[: given["max_det"]]
    return torch.cat((corners[order], best[order][:, None], classes[order][:, None].float()), 1)


def same(one, other):
    assert torch.equal(torch.nan_to_num(one), torch.nan_to_num(other)), "two judges agree"
    return one


def by_yolox(tensor, spec):
    """`tensor` has cells and logarithms."""
    decoded = torch.tensor(demo_postprocess(tensor[None].copy(), (SIDE, SIDE)))
    given = options(spec)
    found = postprocess(decoded, CLASSES, given["conf_thres"], given["iou_thres"], given["agnostic"])[0]
    if found is None:
        return None
    found = found[: given["max_det"]]
    return torch.cat((found[:, :4], found[:, 4:5] * found[:, 5:6], found[:, 6:]), 1)


def cells(boxes):
    """Converts boxes to YOLOX's cells and logarithms."""
    grid = np.zeros((1, ANCHORS, 4), dtype=np.float32)
    zero = demo_postprocess(grid, (SIDE, SIDE))[0]
    stride = zero[:, 2:3]
    return np.concatenate([(boxes[:, :2] - zero[:, :2]) / stride, np.log(np.maximum(boxes[:, 2:], 1) / stride)], axis=1)


SPECS = [
    {"minScore": 0.3, "maxOverlap": 0.45},
    {"minScore": 0.6, "maxOverlap": 0.7, "maxBoxes": 10},
    {"minScore": 0.25, "maxOverlap": 0.3, "acrossClasses": True},
    {"minScore": 0, "maxOverlap": 0},
    {"minScore": 0.25, "maxOverlap": 1},
]
cases = []
for spec in SPECS:
    boxes, scores = odd(crowd(ANCHORS), rng.uniform(0, 1, (ANCHORS, CLASSES)).astype(np.float32))
    cases.append(case("yolov8", spec, of_v8(boxes, scores), same(by_ultralytics(boxes, scores, spec), by_torchvision(boxes, scores, spec))))
    boxes, scores = crowd(ANCHORS), rng.uniform(0.5, 1, (ANCHORS, CLASSES)).astype(np.float32)
    objects = rng.uniform(0, 1, ANCHORS).astype(np.float32)
    objects[:3] = [NAN, 0, 1]
    products = np.where(objects[:, None] > spec["minScore"], objects[:, None] * scores, 0).astype(np.float32)
    cases.append(case("yolov5", spec, of_v5(boxes, objects, scores), same(by_ultralytics(boxes, products, spec), by_torchvision(boxes, products, spec))))
    tensor = of_v5(cells(boxes), objects, scores)
    # A score that equals the threshold, and which YOLOX keeps.
    tensor[5, 4:] = [1, spec["minScore"], 0, 0]
    cases.append(case("yolox", spec, tensor, by_yolox(tensor, spec)))
empty = {"minScore": 1, "maxOverlap": 0.45}
boxes, scores = crowd(ANCHORS), rng.uniform(0, 1, (ANCHORS, CLASSES)).astype(np.float32)
cases.append(case("yolov8", empty, of_v8(boxes, scores), by_ultralytics(boxes, scores, empty)))
for spec in [{"minScore": 0.3}, {"minScore": 0.6, "maxBoxes": 5}, {"minScore": 1}]:
    rows = np.concatenate([crowd(30), np.sort(rng.uniform(0, 1, (30, 1)))[::-1], rng.integers(0, CLASSES, (30, 1))], axis=1).astype(np.float32)
    rows[3, 4] = NAN
    cases.append(case("nms", spec, rows, non_max_suppression(torch.tensor(rows)[None], **options(spec))[0]))

# OpenCV gives indices only. Its boxes are whole, and its scores differ.
boxes = crowd(ANCHORS, whole=True)
scores = (rng.permutation(1000)[: ANCHORS * CLASSES].reshape(ANCHORS, CLASSES) / 1000).astype(np.float32)
spec = {"minScore": 0.3, "maxOverlap": 0.45}
wide = [[x - w / 2, y - h / 2, w, h] for x, y, w, h in boxes.tolist()]
best = scores.max(axis=1)
found = cv2.dnn.NMSBoxesBatched(wide, best.tolist(), scores.argmax(axis=1).tolist(), spec["minScore"], spec["maxOverlap"])
found = sorted((int(index) for index in found), key=lambda index: -best[index])
corners = np.asarray([[x, y, x + w, y + h] for x, y, w, h in np.asarray(wide)[found]])
opencv = np.concatenate([corners, best[found, None], scores.argmax(axis=1)[found, None]], axis=1)
cases.append(case("yolov8", spec, of_v8(boxes, scores), opencv))

# Many candidates, which a test makes by the same generator.
COUNT, MANY = 10_000, 10
state, numbers = 7, []
for _ in range(6 * COUNT):
    state = (1664525 * state + 1013904223) % 2**32
    numbers.append((state >> 8) / 2**24)
u = np.asarray(numbers).reshape(COUNT, 6)
boxes = np.stack([u[:, 0] * 640, u[:, 1] * 640, 8 + u[:, 2] * 120, 8 + u[:, 3] * 120], axis=1).astype(np.float32)
best, classes = torch.tensor(u[:, 4].astype(np.float32)), torch.tensor((u[:, 5] * MANY).astype(int))
order = batched_nms(xywh2xyxy(torch.tensor(boxes)), best, classes, 0.45)
many = {"count": COUNT, "classes": MANY, "seed": 7, "kept": len(order), "scores": packed(best[order])}

# Corners in the model's input, and where they are in images of these sizes.
CORNERS = [[20.5, 22, 40, 41], [0, 0, 64, 64], [-9, 30, 70, 33], [31, 31, 31, 31]]
SIZES = [(128, 64), (60, 128), (64, 64), (1000, 340), (37, 100), (64, 1), (3, 9000), (4000, 3000)]
places = []
for width, height in SIZES:
    placed = scale_boxes((SIDE, SIDE), torch.tensor(CORNERS), (height, width))
    places.append({"round": "round", "width": width, "height": height, "corners": placed.tolist()})
    ratio = min(SIDE / height, SIDE / width)
    placed = (np.asarray(CORNERS, dtype=np.float32) / ratio).clip(0, [width, height, width, height])
    places.append({"round": "floor", "width": width, "height": height, "corners": placed.tolist()})

# The boxes of the second case in images of these sizes.
found = np.frombuffer(base64.b64decode(cases[1]["kept"]["corners"]), dtype="<f4").reshape(-1, 4)
photos = [
    {"width": w, "height": h, "corners": scale_boxes((SIDE, SIDE), torch.tensor(found.copy()), (h, w)).tolist()}
    for w, h in [(128, 64), (60, 128), (100, 100)]
]

with open("boxes.json", "w", encoding="utf-8") as file:
    json.dump({"side": SIDE, "cases": cases, "many": many, "corners": CORNERS, "places": places, "photos": photos}, file)
    file.write("\n")
