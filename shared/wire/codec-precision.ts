import { CONVERTED_PRECISIONS, type JobPrecision, type PrecisionReport } from "../domain/precision.ts";
import { accuracyCodec } from "./codec-accuracy.ts";
import type { Codec } from "./wire-message.ts";

export const jobPrecisionCodec: Codec<JobPrecision> = {
  encode: ({ precision, check }) => ({
    precision,
    ...(check === null ? {} : { check: reportCodec.encode(check) }),
  }),
  decode(message) {
    const check = message.optionalMessage("check");
    return {
      precision: message.oneOf("precision", CONVERTED_PRECISIONS),
      check: check === null ? null : reportCodec.decode(check),
    };
  },
};

const reportCodec: Codec<PrecisionReport> = {
  encode: (report) => ({
    precision: report.precision,
    originalBytes: report.originalBytes,
    convertedBytes: report.convertedBytes,
    accuracy: accuracyCodec.encode(report),
  }),
  decode: (message) => ({
    precision: message.oneOf("precision", CONVERTED_PRECISIONS),
    originalBytes: message.count("originalBytes"),
    convertedBytes: message.count("convertedBytes"),
    ...accuracyCodec.decode(message.message("accuracy")),
  }),
};
