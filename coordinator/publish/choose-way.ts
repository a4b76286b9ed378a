import { CopyingWay } from "./by-copy.ts";
import { RenamingWay } from "./by-rename.ts";
import type { PublishPlace, PublishWay } from "./publish-way.ts";

/**
 * | the storage | the output |
 * |---|---|
 * | can rename folders (a disk) | each folder appears whole, and no byte is copied where it has links |
 * | cannot (a bucket) | files appear one by one, as copies: only the manifest says that they are all there |
 */
export function chooseWay(place: PublishPlace): PublishWay {
  return place.storage.can.rename ? new RenamingWay(place) : new CopyingWay(place);
}
