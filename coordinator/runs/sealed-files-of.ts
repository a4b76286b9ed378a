import { readBucketSnapshots } from "../../extensions/bucket-journal/bucket-snapshots.ts";
import { ObjectsReader } from "../../extensions/bucket-journal/read-objects.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { sealedBy, sealedFiles, sealedIn } from "../journal/sealed-files.ts";
import { bodiesOf } from "../journal/snapshot-file.ts";
import { knownPaths, type RunPlace } from "../publish/own-run.ts";
import { type OutputPaths, withRun } from "../publish/work-paths.ts";

/**
 * The input files of a run that has begun, as its sealed plan has them, wherever its journal is; null where
 * no plan was sealed. Changes nothing, and needs no lock.
 *
 * @throws {JOURNAL_CORRUPT}
 */
export async function sealedFilesOf(
  paths: OutputPaths,
  { disk, storage }: RunPlace,
): Promise<ReadonlySet<string> | null> {
  if (paths.runFile === null) return await sealedFiles(withRun(paths, null).journal, disk);
  const known = await knownPaths(paths, { disk, storage });
  return known === null ? null : await sealedInBucket(known.own, storage);
}

async function sealedInBucket(own: Location, storage: Storage): Promise<ReadonlySet<string> | null> {
  const sealed = sealedIn(bodiesOf(await readBucketSnapshots(below(own, "snapshots"), storage, () => {})));
  if (sealed !== null) return sealed;
  const reader = new ObjectsReader(below(own, "journal"), storage, null);
  await reader.readOn();
  return sealedBy(reader.records);
}
