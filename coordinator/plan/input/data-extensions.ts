import type { DatasetFormat } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";

/** What data files are called. */
export const FORMAT_OF_EXTENSION: Readonly<Record<string, DatasetFormat>> = {
  ".parquet": "parquet",
  ".arrow": "arrow",
  ".feather": "arrow",
  ".ipc": "arrow",
};

/** The extensions that a job of this format finds in a folder: the other format's files are left alone. */
export function extensionsOf(format: JobSpec["input"]["format"]): readonly string[] {
  const extensions = Object.keys(FORMAT_OF_EXTENSION);
  return format === "auto" ? extensions : extensions.filter((each) => FORMAT_OF_EXTENSION[each] === format);
}
