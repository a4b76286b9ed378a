import type { Field, PartitionValue } from "../../../shared/domain/dataset.ts";
import { partitionField, partitionStatistics } from "../../../shared/domain/partition.ts";
import { type FileFooter, SLICE_BYTES } from "./seal-dataset.ts";

/**
 * Adds the values of the files' folders to the files' footers.
 *
 * @param partitions values for each file
 */
export function withFolders(
  footers: readonly FileFooter[],
  partitions: readonly (readonly PartitionValue[])[],
): FileFooter[] {
  // Keeps one list of fields for files of one schema.
  const schemas = new Map<readonly Field[], readonly Field[]>();
  return footers.map((footer, at) => {
    const values = partitions[at] ?? [];
    if (values.length === 0) return footer;
    const fields = schemas.get(footer.fields) ?? [...footer.fields, ...values.map(partitionField)];
    schemas.set(footer.fields, fields);
    return { ...withFolder(footer, values), fields };
  });
}

function withFolder(footer: FileFooter, partitions: readonly PartitionValue[]): FileFooter {
  const { file, rowGroups, statistics, cut } = footer;
  // Each slice of a lease carries the folder values.
  const slices = Math.floor(JSON.stringify(partitions).length / SLICE_BYTES);
  return {
    ...footer,
    file: { ...file, partitions },
    statistics: rowGroups.map(({ rows }, group) => ({
      ...statistics?.[group],
      ...partitionStatistics(partitions, rows),
    })),
    ...(slices === 0
      ? {}
      : { cut: { isOnePiece: cut?.isOnePiece ?? false, slices: (cut?.slices ?? 1) + slices } }),
  };
}
