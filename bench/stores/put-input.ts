import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { sourceOfLocalFile } from "../../shared/storage/local-file.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { Workload } from "../workloads/workload.ts";

/** Bucket of the workloads' input. */
export const INPUT_BUCKET = "workloads";

/** Uploads the input of a workload into the existing bucket, and returns its folder. */
export async function putInput({ name, inputPath }: Workload, storage: Storage): Promise<string> {
  const folder = `s3://${INPUT_BUCKET}/${name}`;
  for (const file of await readdir(inputPath))
    await storage.put(parseLocation(`${folder}/${file}`), await sourceOfLocalFile(join(inputPath, file)), {
      signal: NEVER,
    });
  return folder;
}
