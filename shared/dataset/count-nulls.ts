import { Data, DataType, type RecordBatch } from "apache-arrow";
import { recordBatchOf } from "./record-batch.ts";

/**
 * A column of type null, which is nothing but its length. The library forgets how many nulls a part of one
 * has, and writes -1 for those within lists: readers that check a file refuse it.
 */
class NullColumn extends Data {
  constructor(type: DataType, length: number) {
    super(type, 0, length, length);
  }

  override slice(_start: number, length: number): NullColumn {
    return new NullColumn(this.type, length);
  }
}

/**
 * The batch with the nulls of its columns of type null counted, however deep they lie, also once it is cut.
 */
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
