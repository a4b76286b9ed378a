import fc from "fast-check";
import type { Field, FileIndex, InputFile, PartitionValue } from "../../shared/domain/dataset.ts";
import { DATASET_FORMATS } from "../../shared/domain/formats.ts";
import { aDigest } from "./ids.ts";
import { location } from "./location-arbitrary.ts";

const count = fc.oneof(fc.nat(1000), fc.constantFrom(0, 2 ** 32, Number.MAX_SAFE_INTEGER));

const fields: readonly Field[] = [
  { name: "a", type: { kind: "string" }, nullable: true },
  { name: "b", type: { kind: "numeric", type: "float32" }, nullable: true },
];
const csv = {
  ...{ kind: "csv", delimiter: "\t", quote: "", escape: "", skip: 0, header: true, nulls: [""] },
  ...{ decimal: ".", dateFormat: null, timestampFormat: null, fields },
};

const index: fc.Arbitrary<FileIndex> = fc.record({
  form: fc.constantFrom(csv, { ...csv, delimiter: ",", quote: '"', escape: '"' }, { kind: "json", fields }),
  isGzip: fc.boolean(),
  firstRow: count,
  stretches: fc.array(
    fc.record({ start: count, bytes: count, rows: count, line: count, crc32: fc.nat(2 ** 31 - 1) }),
    { maxLength: 3 },
  ),
});

const partitionValue: fc.Arbitrary<PartitionValue> = fc.oneof(
  fc.record({
    name: fc.string({ minLength: 1, unit: "binary" }),
    type: fc.constant("string" as const),
    value: fc.option(fc.string({ unit: "binary" })),
  }),
  fc.constantFrom(
    { name: "year", type: "int64" as const, value: "-9223372036854775808" },
    { name: "year", type: "int64" as const, value: null },
    { name: "day", type: "date" as const, value: "2024-02-29" },
  ),
);

/** An input file of any format. */
export const inputFile: fc.Arbitrary<InputFile> = fc.record(
  {
    path: location,
    format: fc.constantFrom(...DATASET_FORMATS),
    bytes: count,
    version: fc.string({ unit: "binary", maxLength: 20 }),
    rows: count,
    footerSha256: fc.stringMatching(/^[0-9a-f]{64}$/).map(aDigest),
    ...(DATASET_FORMATS.includes("csv") ? { text: index } : {}),
    partitions: fc.array(partitionValue, { minLength: 1, maxLength: 3 }),
  },
  {
    requiredKeys: ["path", "format", "bytes", "version", "rows", "footerSha256"],
    noNullPrototype: true,
  },
);
