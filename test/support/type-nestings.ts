import {
  type Data,
  Field,
  FixedSizeList,
  List,
  Map_,
  makeData,
  Struct,
  type Table,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { only, tableOf } from "./sample-table.ts";

/** A sample within another type, with one value per row. `out`: SQL that extracts it from a column `k`. */
export interface Nesting {
  nest(sample: Data): Data;
  readonly out: string;
}

const EACH = Int32Array.of(0, 1, 2, 3);

export const NESTINGS: Readonly<Record<string, Nesting>> = {
  "a column": { nest: (data) => data, out: "k" },
  "a list": { nest: listOf, out: "k[1]" },
  "a fixed list": {
    nest: (child) => {
      const type = new FixedSizeList(1, new Field("item", child.type, true));
      return makeData({ type, length: 3, nullCount: 0, child } as never);
    },
    out: "k[1]",
  },
  "a struct": { nest: structOf, out: "k.f" },
  "a list of structs": { nest: (data) => listOf(structOf(data)), out: "k[1].f" },
  "a map": {
    nest: (value) => {
      const fields = [new Field("key", new Utf8(), false), new Field("value", value.type, true)];
      const entries = new Struct(fields as never);
      const children = [only(vectorFromArray(["a", "a", "a"], new Utf8())), value];
      const child = makeData({ type: entries, length: 3, nullCount: 0, children } as never);
      const type = new Map_(new Field("entries", entries, false) as never);
      return makeData({ type, length: 3, nullCount: 0, valueOffsets: EACH, child } as never);
    },
    out: "k['a']",
  },
};

function listOf(child: Data): Data {
  const type = new List(new Field("item", child.type, true));
  return makeData({ type, length: 3, nullCount: 0, valueOffsets: EACH, child } as never);
}

function structOf(data: Data): Data {
  const type = new Struct([new Field("f", data.type, true)] as never);
  return makeData({ type, length: 3, nullCount: 0, children: [data] } as never);
}

export function tableOfSample(data: Data): Table {
  return tableOf({ k: data });
}
