import { NEVER } from "../../shared/core/abort.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { StoreTask, TaskResult } from "./store-task.ts";

/** Task for our own storage, in a separate process. */
const task = JSON.parse(process.argv[2] ?? "") as StoreTask;
const location = parseLocation(`s3://${task.bucket}/${task.key}`);
await using storages = new Storages();
const storage = await storages.at(location);
const content = Buffer.alloc(task.pieceBytes, "content ");

const work = {
  async get(index: number): Promise<number> {
    const start = (index * task.pieceBytes) % task.objectBytes;
    return (await storage.read(location, start, start + task.pieceBytes, { signal: NEVER })).length;
  },
  async put(index: number): Promise<number> {
    return (
      await storage.put(parseLocation(`${location}-${index}`), sourceOfBytes(content), { signal: NEVER })
    ).bytes;
  },
  async list(): Promise<number> {
    let found = 0;
    for await (const page of storage.list(location, { signal: NEVER })) found += page.length;
    return found;
  },
}[task.kind];

const before = process.cpuUsage();
const startedMs = performance.now();
let done = 0;
let next = 0;
async function lane(): Promise<void> {
  while (next < task.pieces) {
    const index = next;
    next += 1;
    const found = await work(index);
    done += found;
  }
}
await Promise.all(Array.from({ length: task.atOnce }, lane));
const seconds = (performance.now() - startedMs) / 1000;
const { user, system } = process.cpuUsage(before);
const result: TaskResult = { seconds, cpuSeconds: (user + system) / 1e6, done };
process.stdout.write(`${JSON.stringify(result)}\n`);
