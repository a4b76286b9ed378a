import {
  type RecordBatch as BatchHeader,
  type Data,
  DataType,
  type Field,
  MessageReader,
  makeData,
  Null,
  Table,
} from "apache-arrow";
import { expect, test } from "vitest";
import { encodeArrow } from "../../../../shared/dataset/encode.ts";
import { NESTINGS, tableOfSample } from "../../../support/type-nestings.ts";

/** Returns the metadata of each field, in the order of a walk over the types. */
function nodesIn(file: Uint8Array): { readonly length: number; readonly nullCount: number }[] {
  // A file is a stream after its mark.
  const reader = new MessageReader(file.subarray(8));
  const nodes: { length: number; nullCount: number }[] = [];
  for (let message = reader.readMessage(); message !== null; message = reader.readMessage()) {
    if (message.isRecordBatch()) nodes.push(...(message.header() as unknown as BatchHeader & Nodes).nodes);
    reader.readMessageBody(message.bodyLength);
  }
  return nodes.map(({ length, nullCount }) => ({ length: Number(length), nullCount: Number(nullCount) }));
}

interface Nodes {
  readonly nodes: { readonly length: number; readonly nullCount: number }[];
}

const walk = (field: Field): DataType[] => [field.type, ...(field.type.children ?? []).flatMap(walk)];

test.each(Object.entries(NESTINGS))(
  "values of the null type within %s are counted as nulls",
  (_, { nest }) => {
    const nulls: Data = makeData({ type: new Null(), length: 3 });
    const table = tableOfSample(nest(nulls));
    const pieces = new Table(table.schema, [...table.slice(0, 1).batches, ...table.slice(1, 3).batches]);
    for (const given of [table, pieces, table.slice(1, 3)]) {
      for (const limits of [undefined, { rows: 1, bytes: 1_000 }, { rows: 2, bytes: 1_000 }]) {
        const types = given.schema.fields.flatMap(walk);
        const nodes = nodesIn(encodeArrow(given, limits));
        expect(nodes.length % types.length).toBe(0);
        for (const [at, { length, nullCount }] of nodes.entries()) {
          const isNull = DataType.isNull(types[at % types.length]);
          expect(nullCount).toBe(isNull ? length : 0);
        }
      }
    }
  },
);
