import type {
  AccuracyReport,
  ConversionReport,
  DeviceReport,
  OutputAccuracy,
  WorstRow,
} from "../domain/accuracy.ts";
import type { JobConversion } from "../domain/conversion.ts";
import { CONCRETE_DEVICES } from "../domain/device.ts";
import { field } from "./field.ts";
import { tableCodec, withInner } from "./table-codec.ts";

export const device = field.word("Device", CONCRETE_DEVICES);

const worstRow = tableCodec<WorstRow>("WorstRow", {
  file: field.text,
  row: field.count,
  index: field.count,
  expected: field.text,
  found: field.text,
  relative: field.orNull(field.number),
});

const outputAccuracy = tableCodec<OutputAccuracy>("OutputAccuracy", {
  tensor: field.text,
  maxError: field.number,
  meanError: field.number,
  maxRelative: field.orNull(field.number),
  beyondRows: field.count,
  worst: field.list(worstRow),
  meanCosine: field.orNull(field.number),
  leastCosine: field.orNull(field.number),
  agreement: field.orNull(field.number),
  ranked: field.flag,
  notFiniteRows: field.count,
});

const accuracy = tableCodec<AccuracyReport>("AccuracyReport", {
  rows: field.count,
  failedRows: field.count,
  seconds: field.number,
  outputs: field.list(outputAccuracy),
  tolerance: field.number,
  maxBeyond: field.number,
  minCosine: field.number,
  minAgreement: field.number,
});

type ExtraReport<Report extends AccuracyReport> = Omit<Report, keyof AccuracyReport>;

export const deviceReportCodec = withInner(
  tableCodec<ExtraReport<DeviceReport>>("DeviceReport", {
    worker: field.name,
    device,
    gpu: field.textOrNull,
    onnxruntimeVersion: field.text,
    remembered: field.flag,
    refusal: field.textOrNull,
  }),
  "accuracy",
  accuracy,
);

const conversionReportCodec = withInner(
  tableCodec<ExtraReport<ConversionReport>>("ConversionReport", {
    originalBytes: field.count,
    convertedBytes: field.count,
  }),
  "accuracy",
  accuracy,
);

export const jobConversionCodec = tableCodec<JobConversion>("JobConversion", {
  key: field.name,
  value: field.name,
  check: field.orNull(field.message(conversionReportCodec)),
});
