import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLogger } from "../../../shared/core/log.ts";
import type { Delivery } from "../../../shared/extension/queue-source.ts";
import { JobFolder } from "../job-folder.ts";
import { query } from "../known-answer.ts";
import { openedBy, type TestQueue } from "./broker.ts";

/** A job over the messages of a queue, which may be served, and its outcome. */

/** Returns a message whose id is its key. */
export const aRow = (id: number): string => JSON.stringify({ id, x: [id % 7, 1, 2, 3] });

/** Makes a job over such messages, with small windows. */
export function queueJob(
  { address, deadLetters, results }: TestQueue,
  trigger: Readonly<Record<string, unknown>> = { columns: { id: "int64", x: "float32[]" }, key: "id" },
): Promise<JobFolder> {
  const window = { rows: 100, seconds: 1, open: 2 };
  const spec = {
    trigger: { queue: address, deadLetters, results, window, ...trigger },
    input: {},
    reduce: {},
  };
  return JobFolder.make({ files: 0, spec });
}

/** Returns the ids of all published rows, with their number of occurrences. */
export async function publishedIds(job: JobFolder): Promise<ReadonlyMap<number, number>> {
  const names = await readdir(job.out, { recursive: true }).catch(() => []);
  const whole = new Set(
    names.filter((name) => /^run=[^/]*\/_manifest\.json$/.test(name)).map((name) => name.split("/")[0]),
  );
  const files = names.filter((name) => /^run=[^/]*\/rows\//.test(name) && whole.has(name.split("/")[0]));
  if (files.length === 0) return new Map();
  const list = files.map((name) => `'${join(job.out, name)}'`).join(", ");
  const counts = await query(`SELECT id::INT, count(*)::INT FROM read_parquet([${list}]) GROUP BY id`);
  return new Map(counts as [number, number][]);
}

/** Returns true when no window is open, so that all of their messages are acknowledged. */
export async function isSettled(job: JobFolder): Promise<boolean> {
  const folder = join(job.out, "_trigger", "windows");
  const settled = await Promise.all(
    (await readdir(folder)).map((id) =>
      readFile(join(folder, id, "acknowledged.json")).then(
        () => true,
        () => false,
      ),
    ),
  );
  return settled.every(Boolean);
}

/** Returns how many messages a new consumer without known keys receives. */
export async function leftIn({ address }: TestQueue): Promise<number> {
  const log = createLogger("queue", "silent");
  const options = { name: "left", mostOpen: 1_000, mostBytes: 1e9, deadLetters: null, log };
  const source = await openedBy(address).openSource(address, options);
  const left: Delivery[] = [];
  for await (const delivery of source.deliveries(AbortSignal.timeout(3_000))) left.push(delivery);
  await source.done(left);
  await source[Symbol.asyncDispose]();
  return left.length;
}
