/** Values of `model.precision`. `original`: the model is used as it is. */
export const PRECISIONS = ["original", "fp16", "int8"] as const;

/** Version of the converter. It goes up when the same model gives another file. */
export const CONVERTER_VERSION = 1;
