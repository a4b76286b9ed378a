/** Values of `model.precision`. `original` uses the model unchanged. */
export const PRECISIONS = ["original", "fp16", "int8"] as const;

/** Version of the converter. It rises when the same model gives another file. */
export const CONVERTER_VERSION = 1;
