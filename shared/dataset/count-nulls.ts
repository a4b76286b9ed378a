import { Data, DataType, type RecordBatch } from "apache-arrow";
import { recordBatchOf } from "./record-batch.ts";

/**
 * Column of type null, which has only a length. The library loses the null count of a slice. For such columns
 * in lists it writes -1, which strict readers reject.
 */
class NullColumn extends Data {
  constructor(type: DataType, length: number) {
    super(type, 0, length, length);
  }

  override slice(_start: number, length: number): NullColumn {
    return new NullColumn(this.type, length);
  }
}

/** Returns the batch with correct null counts for columns of type null, at any depth and after slicing. */
export function countNulls(batch: RecordBatch): RecordBatch {
  if (!batch.schema.fields.some(({ type }) => hasNulls(type))) return batch;
  return recordBatchOf(batch.schema, batch.numRows, batch.data.children.map(counted));
}

function counted(data: Data): Data {
  const { type } = data;
  if (DataType.isNull(type)) return new NullColumn(type, data.length);
  if (!hasNulls(type)) return data;
  const { offset, length, nullCount, buffers } = data;
  return new Data(type, offset, length, nullCount, buffers, data.children.map(counted), data.dictionary);
}

function hasNulls(type: DataType): boolean {
  return DataType.isNull(type) || (type.children ?? []).some((child) => hasNulls(child.type));
}
