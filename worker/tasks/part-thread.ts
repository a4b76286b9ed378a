import { present } from "../../shared/core/assert.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { writeParts } from "../../shared/rows/write-parts.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { locate, openStorages } from "../read/ways.ts";
import type { PartThread } from "./write-parts-apart.ts";

serveOwner<PartThread>({ write });

async function write(
  { access, job, folder, scratch, ...task }: Parameters<PartThread["write"]>[0],
  { signal }: Parameters<PartThread["write"]>[1],
): ReturnType<PartThread["write"]> {
  await using storages = openStorages([access], job);
  await using storage = createLocalStorage();
  const files = task.files.map((file) => ({ ...file, location: locate(file.location, access.kind) }));
  const from = await storages.at(present(files[0], "a rows file").location);
  return await writeParts({ ...task, files }, { storage, from, folder, scratch, signal });
}
