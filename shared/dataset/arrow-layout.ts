import { DataType, type Field, UnionMode } from "apache-arrow";
import type { RecordBatch as BatchHeader } from "apache-arrow/ipc/metadata/message";

/** Parts of a record batch's nodes, buffers and view counts that belong to a column: `[start, end)` each. */
export interface ColumnParts {
  readonly nodes: Range;
  readonly buffers: Range;
  readonly variadicCounts: Range;
}

type Range = readonly [start: number, end: number];

/** First metadata version without a validity buffer in unions: V5, which has the number 4. */
const METADATA_V5 = 4;

/**
 * Cuts a record batch's flat lists of nodes and buffers into columns. The lists follow a walk over the
 * schema. The format defines how many entries each type takes:
 * https://arrow.apache.org/docs/format/Columnar.html
 */
export function layOutColumns(
  fields: readonly Field[],
  header: BatchHeader,
  metadataVersion: number,
): ColumnParts[] {
  const walk = { nodes: 0, buffers: 0, variadicCounts: 0 };
  return fields.map((field) => {
    const start = { ...walk };
    advance(field.type);
    return {
      nodes: [start.nodes, walk.nodes],
      buffers: [start.buffers, walk.buffers],
      variadicCounts: [start.variadicCounts, walk.variadicCounts],
    };
  });

  function advance(type: DataType): void {
    walk.nodes += 1;
    walk.buffers += ownBuffers(type, metadataVersion);
    if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) {
      walk.buffers += header.variadicBufferCounts[walk.variadicCounts] ?? 0;
      walk.variadicCounts += 1;
    }
    if (DataType.isDictionary(type)) return;
    for (const child of type.children ?? []) advance(child.type);
  }
}

/** Counts the buffers of the type itself: validity, then offsets, type ids or values. */
function ownBuffers(type: DataType, metadataVersion: number): number {
  if (DataType.isNull(type)) return 0;
  if (DataType.isStruct(type) || DataType.isFixedSizeList(type)) return 1;
  if (DataType.isUnion(type)) {
    return (type.mode === UnionMode.Dense ? 2 : 1) + (metadataVersion < METADATA_V5 ? 1 : 0);
  }
  const hasOffsetsAndValues =
    DataType.isUtf8(type) ||
    DataType.isLargeUtf8(type) ||
    DataType.isBinary(type) ||
    DataType.isLargeBinary(type);
  return hasOffsetsAndValues ? 3 : 2;
}
