import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readJournal } from "../../coordinator/journal/journal.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { factsOf, type JournalFacts, until } from "./job-processes.ts";

/** What a job has in a bucket, and on its coordinator's disk meanwhile, as others see it. */

/** All files below a folder of a bucket, by their path in it; none where there is no such folder. */
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

/** Downloads a folder of a bucket, in place of what is at `path`. */
export async function download(storage: Storage, folder: Location, path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  for (const name of await filesBelow(storage, folder)) {
    const { bytes } = await storage.stat(below(folder, name), NEVER);
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), await storage.read(below(folder, name), 0, bytes, { signal: NEVER }));
  }
}

/** The work folders that coordinators of this user have on this machine. */
export async function workFolders(state: string): Promise<string[]> {
  const names = await readdir(join(state, "jobs")).catch(() => []);
  return names.map((name) => join(state, "jobs", name));
}

/** What the journal of the one job that this state has says; null where there is none. */
export async function factsIn(state: string): Promise<JournalFacts | null> {
  const [folder = ""] = await workFolders(state);
  const read = await readJournal(join(folder, "journal")).catch(() => null);
  return read === null ? null : factsOf(read.records);
}

/** Waits until so many shards are committed by it. */
export async function untilCommittedIn(state: string, count: number): Promise<JournalFacts> {
  return await until(`${count} commits`, async () => {
    const facts = (await factsIn(state)) ?? factsOf([]);
    return facts.committed.length < count ? null : facts;
  });
}
