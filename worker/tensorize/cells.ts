import { type Data, type DataType, Type } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { type Bits, bitAt } from "../../shared/dataset/bits.ts";
import { type Offsets, offsetsOf } from "../../shared/dataset/offsets.ts";
import { type Leaf, openLeaf } from "./leaf.ts";

const NULL_INSIDE = 1;
export const RAGGED = 2;

/**
 * Column as rows of leaf values, however deep its lists are nested.
 *
 * ```
 * rows     0      1     2
 * offsets  0      3     3        6
 * leaf     a b c        d e f         leafNulls by value, nulls by row
 * ```
 */
export interface Cells {
  readonly rows: number;
  readonly leaf: Leaf;
  /** True when the leaf is bytes of binary cells, which may also be raw values of the tensor's dtype. */
  readonly binary: boolean;
  readonly layout:
    | { readonly kind: "fixed"; readonly values: number }
    | { readonly kind: "offsets"; readonly offsets: Offsets };
  readonly nulls: Bits | null;
  readonly leafNulls: Bits | null;
  /**
   * Faults by row. NULL_INSIDE: an inner list is null. RAGGED: inner lists differ in length. Null: no row has
   * either.
   */
  readonly faults: Uint8Array | null;
}

/** @throws {INPUT_UNSUPPORTED} for a type that cannot feed a model */
export function openCells(data: Data<DataType>): Cells {
  const nulls = nullsOf(data);
  const rows = data.length;
  switch (data.typeId) {
    case Type.List:
    case Type.LargeList:
      return wrap(data, { kind: "offsets", offsets: offsetsOf(data) }, nulls);
    case Type.FixedSizeList:
      return wrap(data, { kind: "fixed", values: data.stride }, nulls);
    case Type.Binary:
    case Type.LargeBinary: {
      const layout = { kind: "offsets", offsets: offsetsOf(data) } as const;
      return { rows, leaf: openLeaf(data), binary: true, layout, nulls, leafNulls: null, faults: null };
    }
    case Type.FixedSizeBinary: {
      const layout = { kind: "fixed", values: data.stride } as const;
      return { rows, leaf: openLeaf(data), binary: true, layout, nulls, leafNulls: null, faults: null };
    }
    default: {
      const layout = { kind: "fixed", values: 1 } as const;
      return { rows, leaf: openLeaf(data), binary: false, layout, nulls, leafNulls: null, faults: null };
    }
  }
}

/** Returns the first leaf value of `row`. For `rows`: the end of the last row. */
export function cellStart({ layout }: Cells, row: number): number {
  return layout.kind === "fixed" ? row * layout.values : (layout.offsets[row] ?? 0);
}

function nullsOf(data: Data<DataType>): Bits | null {
  return data.nullCount > 0 && data.nullBitmap !== undefined
    ? { bytes: data.nullBitmap, offset: data.offset }
    : null;
}

/** Wraps lists over `data`'s child: folds the child's layout into one, however deep. */
function wrap(data: Data<DataType>, outer: Cells["layout"], nulls: Bits | null): Cells {
  const rows = data.length;
  const child = present(data.children[0], "a list has a child");
  const inner = openCells(child);
  const first = (row: number) => (outer.kind === "fixed" ? row * outer.values : (outer.offsets[row] ?? 0));
  const scalar = child.children.length === 0 && !inner.binary;
  if (scalar) {
    return {
      rows,
      leaf: inner.leaf,
      binary: false,
      layout: outer,
      nulls,
      leafNulls: inner.nulls,
      faults: null,
    };
  }
  const faults = findFaults(inner, rows, first);
  const { leaf, binary, leafNulls } = inner;
  return { rows, leaf, binary, layout: fold(outer, inner, rows, first), nulls, leafNulls, faults };
}

function fold(outer: Cells["layout"], inner: Cells, rows: number, first: (row: number) => number) {
  if (outer.kind === "fixed" && inner.layout.kind === "fixed") {
    return { kind: "fixed", values: outer.values * inner.layout.values } as const;
  }
  const offsets = new Float64Array(rows + 1);
  for (let row = 0; row <= rows; row += 1) offsets[row] = cellStart(inner, first(row));
  return { kind: "offsets", offsets } as const;
}

function findFaults(inner: Cells, rows: number, first: (row: number) => number): Uint8Array | null {
  if (inner.nulls === null && inner.faults === null && inner.layout.kind === "fixed") return null;
  const faults = new Uint8Array(rows);
  for (let row = 0; row < rows; row += 1) faults[row] = faultOf(inner, first(row), first(row + 1));
  return faults;
}

function faultOf(inner: Cells, from: number, to: number): number {
  const length = cellStart(inner, from + 1) - cellStart(inner, from);
  for (let row = from; row < to; row += 1) {
    if (inner.nulls !== null && !bitAt(inner.nulls, row)) return NULL_INSIDE;
    const fault = inner.faults?.[row] ?? 0;
    if (fault !== 0) return fault;
    if (cellStart(inner, row + 1) - cellStart(inner, row) !== length) return RAGGED;
  }
  return 0;
}
