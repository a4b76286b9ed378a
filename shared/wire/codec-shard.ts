import { type InputFile, PARTITION_TYPES, type PartitionValue } from "../domain/dataset.ts";
import { DATASET_FORMATS } from "../domain/formats.ts";
import type { LeaseSlice } from "../domain/job.ts";
import { isPartitionValue } from "../domain/partition.ts";
import type { Shard } from "../domain/shard.ts";
import type { Token } from "../domain/token.ts";
import { type FieldCodec, field } from "./field.ts";
import { fileIndexField } from "./file-index.ts";
import { tableCodec } from "./table-codec.ts";
import type { WireReader } from "./wire-message.ts";

export const tokenCodec = tableCodec<Token>("Token", {
  generation: field.count32,
  sequence: field.count32,
});

const partitionValue = tableCodec<PartitionValue>(
  "PartitionValue",
  {
    name: field.name,
    type: field.word("PartitionType", PARTITION_TYPES),
    value: field.orNull(field.text),
  },
  checkValue,
);

function checkValue(partition: PartitionValue, message: WireReader): void {
  if (!isPartitionValue(partition)) message.fail("value", `is no ${partition.type}`);
}

const listed = field.list(partitionValue);

/** Decodes an empty list as undefined. */
const partitions: FieldCodec<readonly PartitionValue[] | undefined> = {
  ...listed,
  encode: (value) => listed.encode(value ?? []),
  decode(message, name) {
    const found = listed.decode(message, name);
    return found.length === 0 ? undefined : found;
  },
};

const inputFile = tableCodec<InputFile>("InputFile", {
  path: field.location,
  format: field.word("DatasetFormat", DATASET_FORMATS),
  bytes: field.count,
  version: field.text,
  rows: field.count,
  footerSha256: field.digest,
  text: fileIndexField,
  partitions,
});

const rowRange = { rowStart: field.count, rowEnd: field.count };

export const shardCodec = tableCodec<Shard>("Shard", { id: field.shard, ...rowRange }, checkRange);

export const leaseSliceCodec = tableCodec<LeaseSlice>(
  "LeaseSlice",
  { file: field.message(inputFile), ...rowRange },
  checkRange,
);

function checkRange(range: Pick<Shard, "rowStart" | "rowEnd">, message: WireReader): void {
  if (range.rowEnd < range.rowStart) message.fail("rowEnd", "lies before rowStart");
}
