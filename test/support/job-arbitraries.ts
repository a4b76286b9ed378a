import fc from "fast-check";
import { CONVERSION } from "../../shared/domain/conversion.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import { REDUCTIONS } from "../../shared/domain/features.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { DTYPES, ELEMENT_TYPES } from "../../shared/domain/tensor.ts";
import type { OutputOpBinding } from "../../shared/output-ops/output-ops.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import { aJobId } from "./ids.ts";
import { location } from "./location-arbitrary.ts";
import { rowsKeys } from "./rows-form-arbitrary.ts";
import { jobStores } from "./store-arbitraries.ts";
import { count, finite, hex, name, plain, text, uint32, word } from "./wire-arbitraries.ts";

const labels = fc.option(fc.array(text, { maxLength: 3 }));

const vector = fc.record({
  dims: fc.nat(1000).map((dims) => dims + 1),
  normalize: fc.boolean(),
  as: fc.constantFrom("float32", "float16", "int8", "ubinary"),
});

const outputOpPlan: fc.Arbitrary<OutputOpBinding> = fc.oneof(
  fc.constantFrom("raw", "maxSoftmax", "softmax", "sigmoid").map((kind) => ({ kind })),
  fc.record({ kind: fc.constant("raw"), vector }),
  fc.record({
    kind: fc.constant("pool"),
    pool: fc.constantFrom("mean", "cls", "max", "last"),
    positions: fc.option(fc.nat(1000).map((positions) => positions + 1)),
    vector,
  }),
  fc.record({
    kind: fc.constant("threshold"),
    threshold: finite,
    activation: fc.constantFrom("sigmoid", "none"),
    labels,
  }),
  fc.record({ kind: fc.constant("argmax"), labels }),
  fc.record({
    kind: fc.constant("ctc"),
    positions: fc.option(fc.nat(1000).map((positions) => positions + 1)),
    characters: fc.array(text, { maxLength: 3 }),
    blank: fc.nat(),
    isLogits: fc.boolean(),
    isTrimmed: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("topK"), k: fc.nat(1000).map((k) => k + 1), labels }),
);

/** The digits job of the design, with some random values. */
export const jobSpec: fc.Arbitrary<JobSpec> = fc
  .record({
    name: word,
    paths: fc.array(word, { minLength: 1, maxLength: 3 }),
    scale: finite,
    maxRows: fc.nat(),
  })
  .map(({ name: jobName, paths, scale, maxRows }) => ({
    name: jobName,
    input: { path: paths.map((leaf) => `/data/${leaf}`), format: "auto", shardRows: "auto" },
    model: {
      path: "/models/digits.onnx",
      device: "auto",
      ...(CONVERSION === null ? {} : { [CONVERSION.key]: CONVERSION.values.at(-1) }),
      check: { rows: 64, tolerance: 0.1, maxBeyond: "auto", minCosine: 0.9, minAgreement: 0.5 },
    },
    map: {
      inputs: { image: { column: "pixels", scale, offset: 0, shape: [1, 28, 28] } },
      outputs: [
        { column: "digit", tensor: "logits", op: "argmax", labels: ["nought", "one"] },
        { column: "2", op: "topK", k: 2 },
      ],
      keep: ["id", "label"],
      prepare: [],
      finish: [],
      batch: { rows: 256, tokens: "auto" },
    },
    reduce: {
      confusion: { combine: "SELECT 1 AS n FROM rows", final: "SELECT sum(n) AS n FROM partials" },
      total: { final: "SELECT count(*) AS n FROM rows" },
    },
    output: { path: "/out/digits", rows: "parquet" },
    errors: { maxRows },
    stores: { "s3://bucket": { anonymous: true }, "https://example.com": { ca: "/ca.pem" } },
  }));

const dtype = fc.constantFrom(...DTYPES);
const elementType = fc.constantFrom(...ELEMENT_TYPES);
const unit = fc.constantFrom("second", "millisecond", "microsecond", "nanosecond");
const { type: fieldType } = fc.letrec<{ type: FieldType; fields: readonly Field[] }>((tie) => ({
  fields: fc.array(fc.record({ name: text, type: tie("type"), nullable: fc.boolean() }), { maxLength: 2 }),
  type: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    dtype.map((type) => ({ kind: "numeric" as const, type })),
    fc.constantFrom({ kind: "binary" as const }, { kind: "string" as const }),
    uint32.map((bytes) => ({ kind: "fixedBinary" as const, bytes })),
    fc.constantFrom<FieldType>(
      { kind: "null" },
      { kind: "date", unit: "day" },
      { kind: "interval", unit: "dayTime" },
      { kind: "decimal", precision: 10, scale: -2 },
    ),
    fc.record({ kind: fc.constantFrom("time" as const, "duration" as const), unit }),
    fc.record({ kind: fc.constant("timestamp" as const), unit, zone: fc.option(text) }),
    fc.record({ kind: fc.constantFrom("struct" as const, "union" as const), fields: tie("fields") }),
    fc.record({ kind: fc.constant("map" as const), key: tie("type"), value: tie("type") }),
    fc.record({ kind: fc.constant("dictionary" as const), values: tie("type") }),
    tie("type").map((item) => ({ kind: "list" as const, item })),
    fc.record({ kind: fc.constant("fixedList" as const), item: tie("type"), length: uint32 }),
  ),
}));
const field: fc.Arbitrary<Field> = fc.record({ name: text, type: fieldType, nullable: fc.boolean() });
const dims = fc.array(uint32, { maxLength: 3 });
const tensorInfos = fc.array(
  fc.record({ name: text, dtype: elementType, dims: fc.array(fc.oneof(uint32, text), { maxLength: 3 }) }),
  { maxLength: 2 },
);
const steps = fc.array(
  fc.record({
    where: text,
    op: fc.oneof(
      fc.record(
        {
          kind: fc.constant("sql" as const),
          select: text,
          named: fc.array(text, { maxLength: 2 }),
          joins: fc.record({
            tables: fc.array(text, { maxLength: 2 }),
            order: fc.array(text, { maxLength: 2 }),
          }),
        },
        { requiredKeys: ["kind", "select", "named"] },
      ),
    ),
    files: fc.array(fc.record({ location, bytes: count, sha256: hex }), { maxLength: 2 }),
    reads: fc.array(text, { maxLength: 3 }),
    columns: fc.array(
      field.chain((made) => fc.option(text).map((from) => ({ ...made, from }))),
      { maxLength: 3 },
    ),
  }),
  { maxLength: 2 },
);

/** Keys of reductions by extensions. */
const programs = Object.fromEntries(REDUCTIONS.map(({ key }) => [key, text]));

export const jobDescription: fc.Arbitrary<JobDescription> = fc.record({
  jobId: name.map(aJobId),
  name: text,
  stores: jobStores,
  model: fc.record({
    path: location,
    bytes: count,
    sha256: hex,
    externalData: fc.array(
      fc.record({
        location: fc.constantFrom("w.bin", "w/a.data"),
        path: location,
        bytes: count,
        sha256: hex,
      }),
      { maxLength: 2 },
    ),
    signature: fc.record({
      inputs: tensorInfos,
      outputs: tensorInfos,
      unusable: fc.array(fc.record({ name: text, kind: text }), { maxLength: 2 }),
    }),
  }),
  device: fc.constantFrom("auto", "cpu", "cuda"),
  map: fc.record({
    inputs: fc.array(
      fc.record({
        tensor: text,
        dtype: elementType,
        rowDims: dims,
        rowValues: count,
        batchAxis: uint32,
        source: fc.oneof(
          text.map((column) => ({ kind: "one" as const, column })),
          text.map((column) => ({ kind: "one" as const, column, bytes: "raw" as const })),
          fc.array(text, { maxLength: 3 }).map((columns) => ({ kind: "stack" as const, columns })),
          text.map((of) => ({ kind: "mask" as const, of })),
          text.map((of) => ({ kind: "mask" as const, of, causal: true as const })),
          text.map((of) => ({ kind: "positions" as const, of })),
          text.map((of) => ({ kind: "lengths" as const, of })),
          fc
            .array(fc.oneof(finite, fc.boolean(), text), { maxLength: 3 })
            .map((elements) => ({ kind: "value" as const, shape: [elements.length], elements })),
        ),
        scale: finite,
        offset: finite,
        fill: fc.option(fc.oneof(finite, text)),
        rowShape: fc.oneof(
          fc.constantFrom(
            { kind: "even" as const },
            { kind: "unpadded" as const, sequence: 0 },
            { kind: "pairs" as const, pad: null, sequence: 0, before: 1 },
            { kind: "counted" as const, sequence: 0 },
            { kind: "none" as const },
          ),
          finite.map((pad) => ({ kind: "padded" as const, pad, sequence: 0 })),
          finite.map((pad) => ({ kind: "pairs" as const, pad, sequence: 0, before: 0 })),
        ),
      }),
      { maxLength: 2 },
    ),
    outputs: fc.array(
      fc.record({
        tensor: text,
        dtype: elementType,
        rowDims: dims,
        rowValues: count,
        batchAxis: uint32,
        column: text,
        sequence: fc.option(fc.nat(2)),
        declaredDims: fc.array(fc.oneof(uint32, text), { maxLength: 3 }),
        op: outputOpPlan,
      }),
      { maxLength: 2 },
    ),
    keep: fc.array(field, { maxLength: 3 }),
    columns: fc.array(text, { maxLength: 3 }),
    prepare: steps,
    finish: steps,
    fixedBatchRows: fc.option(uint32),
  }),
  deviceCheck: fc.option(
    fc.record({
      isConverted: fc.boolean(),
      check: fc.record({
        rows: fc.nat(1000),
        tolerance: fc.oneof(fc.constant("auto" as const), fc.double({ min: 0, max: 10, noNaN: true })),
        maxBeyond: fc.oneof(fc.constant("auto" as const), fc.double({ min: 0, max: 1, noNaN: true })),
        // JSON has no -0.
        minCosine: fc.double({ min: -1, max: 1, noNaN: true }).map((value) => value + 0),
        minAgreement: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      sample: fc.array(
        fc.record({
          file: fc.record({
            path: location,
            format: fc.constantFrom("parquet" as const, "arrow" as const),
            bytes: count,
            version: text,
            rows: count,
            footerSha256: hex,
          }),
          rowStart: count,
          rowEnd: count,
        }),
        { maxLength: 2 },
      ),
    }),
  ),
  rowsInput: uint32,
  batchRows: fc.oneof(
    fc.constant("auto" as const),
    fc.nat(1000).map((rows) => rows + 1),
  ),
  batchTokens: fc.oneof(
    fc.constant("auto" as const),
    fc.nat(1000).map((tokens) => tokens + 1),
  ),
  ...rowsKeys,
  reduce: fc
    .dictionary(word, fc.record({ combine: text, final: text, ...programs }, { requiredKeys: [] }))
    .map(plain),
  reductions: fc
    .dictionary(
      word,
      fc.record({
        where: text,
        path: text,
        file: fc.record({ location, bytes: count, sha256: hex }),
        reads: fc.array(text, { maxLength: 2 }),
        combined: fc.array(text, { maxLength: 2 }),
        columns: fc.array(text, { maxLength: 2 }),
      }),
    )
    .map(plain),
  copiesRows: fc.boolean(),
  tables: fc.dictionary(word, fc.record({ location, bytes: count, sha256: hex, rows: count })).map(plain),
  tasks: fc.option(
    fc.record({
      name: text,
      spec: fc.record({ final: text, by: fc.array(text, { minLength: 1, maxLength: 2 }) }),
      fields: fc.constant([]),
      list: fc.record({ location, bytes: count, sha256: hex }),
    }),
  ),
  partialsPath: location,
  beacon: fc.record({ path: location, content: text }),
});
