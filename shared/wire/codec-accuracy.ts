import { CONCRETE_DEVICES } from "../domain/device.ts";
import type { AccuracyReport, DeviceReport, OutputAccuracy, WorstRow } from "../domain/precision.ts";
import type { Codec } from "./wire-message.ts";

const worstCodec: Codec<WorstRow> = {
  encode: ({ relative, ...row }) => ({ ...row, ...(relative === null ? {} : { relative }) }),
  decode: (message) => ({
    file: message.text("file"),
    row: message.count("row"),
    index: message.count("index"),
    expected: message.text("expected"),
    found: message.text("found"),
    relative: message.optionalNumber("relative") ?? null,
  }),
};

const outputCodec: Codec<OutputAccuracy> = {
  encode: (output) => ({
    tensor: output.tensor,
    maxError: output.maxError,
    meanError: output.meanError,
    ...(output.maxRelative === null ? {} : { maxRelative: output.maxRelative }),
    beyondRows: output.beyondRows,
    worst: output.worst.map(worstCodec.encode),
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
    maxRelative: message.optionalNumber("maxRelative") ?? null,
    beyondRows: message.count("beyondRows"),
    worst: message.list("worst").map(worstCodec.decode),
    meanCosine: message.optionalNumber("meanCosine") ?? null,
    leastCosine: message.optionalNumber("leastCosine") ?? null,
    agreement: message.optionalNumber("agreement") ?? null,
    ranked: message.flag("ranked"),
    notFiniteRows: message.count("notFiniteRows"),
  }),
};

export const accuracyCodec: Codec<AccuracyReport> = {
  encode: (report) => ({
    rows: report.rows,
    failedRows: report.failedRows,
    seconds: report.seconds,
    outputs: report.outputs.map(outputCodec.encode),
    tolerance: report.tolerance,
    maxBeyond: report.maxBeyond,
    minCosine: report.minCosine,
    minAgreement: report.minAgreement,
  }),
  decode: (message) => ({
    rows: message.count("rows"),
    failedRows: message.count("failedRows"),
    seconds: message.number("seconds"),
    outputs: message.list("outputs").map(outputCodec.decode),
    tolerance: message.number("tolerance"),
    maxBeyond: message.number("maxBeyond"),
    minCosine: message.number("minCosine"),
    minAgreement: message.number("minAgreement"),
  }),
};

export const deviceReportCodec: Codec<DeviceReport> = {
  encode: (report) => ({
    worker: report.worker,
    device: report.device,
    gpu: report.gpu ?? "",
    onnxruntimeVersion: report.onnxruntimeVersion,
    remembered: report.remembered,
    refusal: report.refusal ?? "",
    accuracy: accuracyCodec.encode(report),
  }),
  decode: (message) => ({
    worker: message.name("worker"),
    device: message.oneOf("device", CONCRETE_DEVICES),
    gpu: message.text("gpu") || null,
    onnxruntimeVersion: message.text("onnxruntimeVersion"),
    remembered: message.flag("remembered"),
    refusal: message.text("refusal") || null,
    ...accuracyCodec.decode(message.message("accuracy")),
  }),
};
