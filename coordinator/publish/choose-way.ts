import { CopyingWay } from "./by-copy.ts";
import { RenamingWay } from "./by-rename.ts";
import type { PublishPlace, PublishWay } from "./publish-way.ts";

/**
 * Chooses the way of publishing by what the storage can do:
 *
 * | the storage | the output |
 * |---|---|
 * | can rename folders (a disk) | each folder appears whole, without a copy if the storage has links |
 * | cannot (a bucket) | files appear one by one, as copies: only the manifest says that all are there |
 */
export function chooseWay(place: PublishPlace): PublishWay {
  return place.storage.can.rename ? new RenamingWay(place) : new CopyingWay(place);
}
