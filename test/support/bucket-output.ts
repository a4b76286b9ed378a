import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readJournal } from "../../coordinator/journal/journal.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { factsOf, type JournalFacts, until } from "./job-processes.ts";

/** Files of a job in a bucket, and on its coordinator's disk, as others see them. */

/** Returns all files below a folder of a bucket, relative to the folder. Returns none without the folder. */
export async function filesBelow(storage: Storage, folder: Location): Promise<string[]> {
  if ((await storage.kindAt(folder, NEVER)) === null) return [];
  const paths: string[] = [];
  for await (const page of storage.list(folder, { signal: NEVER }))
    for (const { name, kind } of page) {
      if (kind === "file") paths.push(name);
      else paths.push(...(await filesBelow(storage, below(folder, name))).map((path) => `${name}/${path}`));
    }
  return paths.sort();
}

/** Downloads a folder of a bucket, and replaces `path` by it. */
export async function download(storage: Storage, folder: Location, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  for (const name of await filesBelow(storage, folder)) {
    const { bytes } = await storage.stat(below(folder, name), NEVER);
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), await storage.read(below(folder, name), 0, bytes, { signal: NEVER }));
  }
}

/** Returns the work folders of this user's coordinators on this machine. */
export async function workFolders(state: string): Promise<string[]> {
  const names = await readdir(join(state, "jobs")).catch(() => []);
  return names.map((name) => join(state, "jobs", name));
}

/** Reads the facts in the journal of the only job in this state folder. Returns null without one. */
export async function factsIn(state: string): Promise<JournalFacts | null> {
  const [folder = ""] = await workFolders(state);
  const read = await readJournal(join(folder, "journal")).catch(() => null);
  return read === null ? null : factsOf(read.records);
}

/** Waits until that job has committed `count` shards. */
export async function untilCommittedIn(state: string, count: number): Promise<JournalFacts> {
  return await until(`${count} commits`, async () => {
    const facts = (await factsIn(state)) ?? factsOf([]);
    return facts.committed.length < count ? null : facts;
  });
}
