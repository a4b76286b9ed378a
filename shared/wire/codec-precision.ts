import {
  CONVERTED_PRECISIONS,
  type JobPrecision,
  type OutputAccuracy,
  type PrecisionReport,
} from "../domain/precision.ts";
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
    rows: report.rows,
    failedRows: report.failedRows,
    outputs: report.outputs.map(outputCodec.encode),
    minCosine: report.minCosine,
    minAgreement: report.minAgreement,
  }),
  decode: (message) => ({
    precision: message.oneOf("precision", CONVERTED_PRECISIONS),
    originalBytes: message.count("originalBytes"),
    convertedBytes: message.count("convertedBytes"),
    rows: message.count("rows"),
    failedRows: message.count("failedRows"),
    outputs: message.list("outputs").map(outputCodec.decode),
    minCosine: message.number("minCosine"),
    minAgreement: message.number("minAgreement"),
  }),
};

const outputCodec: Codec<OutputAccuracy> = {
  encode: (output) => ({
    tensor: output.tensor,
    maxError: output.maxError,
    meanError: output.meanError,
    ...(output.meanCosine === null ? {} : { meanCosine: output.meanCosine }),
    ...(output.leastCosine === null ? {} : { leastCosine: output.leastCosine }),
    ...(output.agreement === null ? {} : { agreement: output.agreement }),
    ranked: output.ranked,
    notFiniteRows: output.notFiniteRows,
  }),
  decode: (message) => ({
    tensor: message.text("tensor"),
    maxError: message.number("maxError"),
    meanError: message.number("meanError"),
    meanCosine: message.optionalNumber("meanCosine") ?? null,
    leastCosine: message.optionalNumber("leastCosine") ?? null,
    agreement: message.optionalNumber("agreement") ?? null,
    ranked: message.flag("ranked"),
    notFiniteRows: message.count("notFiniteRows"),
  }),
};
