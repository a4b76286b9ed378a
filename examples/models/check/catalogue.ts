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
    rows: 500,
    embeddings: ["embedding"],
    readRows: brownTexts,
  },
  {
    source: paraphrase,
    title: "paraphrase-MiniLM-L3-v2",
    megabytes: 69,
    rows: 500,
    embeddings: ["embedding"],
    readRows: brownTexts,
  },
  {
    source: magika,
    title: "Magika: the kind of a file",
    megabytes: 3,
    rows: 1_000,
    embeddings: [],
    readRows: ownFiles,
  },
  {
    source: openNsfw,
    title: "open_nsfw: is a picture safe for work",
    megabytes: 24,
    rows: 100,
    embeddings: [],
    readRows: pictureFiles,
  },
  {
    source: ocrDetector,
    title: "PaddleOCR 4: where there is text",
    megabytes: 5,
    rows: 24,
    embeddings: [],
    readRows: squarePictures,
  },
  {
    source: ocrOrientation,
    title: "PaddleOCR 2: is a line upside down",
    megabytes: 1,
    rows: 86,
    embeddings: [],
    readRows: turnedStrips,
  },
  {
    source: ocrReader,
    title: "PaddleOCR 4: what a line says",
    megabytes: 11,
    rows: 43,
    embeddings: [],
    readRows: pageStrips,
  },
  {
    source: silero,
    title: "Silero VAD 6: when somebody speaks",
    megabytes: 2,
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
