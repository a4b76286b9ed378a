import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLogger } from "../../../shared/core/log.ts";
import type { Delivery } from "../../../shared/extension/queue-source.ts";
import { JobFolder } from "../job-folder.ts";
import { query } from "../known-answer.ts";
import { openedBy, type TestQueue } from "./broker.ts";

/** A job over the messages of a queue, which may be served, and what became of its messages. */

/** A message: its id is its key. */
export const aRow = (id: number): string => JSON.stringify({ id, x: [id % 7, 1, 2, 3] });

/** A job over such messages, in small windows. */
export function queueJob(
  { address, aside, results }: TestQueue,
  trigger: Readonly<Record<string, unknown>> = { columns: { id: "int64", x: "float32[]" }, key: "id" },
): Promise<JobFolder> {
  const window = { rows: 100, seconds: 1, open: 2 };
  const spec = { trigger: { queue: address, aside, results, window, ...trigger }, input: {}, reduce: {} };
  return JobFolder.make({ files: 0, spec });
}

/** Ids of all rows that are published, with how often each is. */
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

/** No window is open: all of their messages are settled. */
export async function isSettled(job: JobFolder): Promise<boolean> {
  const folder = join(job.out, "_trigger", "windows");
  const settled = await Promise.all(
    (await readdir(folder)).map((id) =>
      readFile(join(folder, id, "settled.json")).then(
        () => true,
        () => false,
      ),
    ),
  );
  return settled.every(Boolean);
}

/** What a queue has for whoever comes next, who knows no keys. */
export async function leftIn({ address }: TestQueue): Promise<number> {
  const log = createLogger("queue", "silent");
  const options = { name: "left", mostOpen: 1_000, mostBytes: 1e9, aside: null, log };
  const source = await openedBy(address).openSource(address, options);
  const left: Delivery[] = [];
  for await (const delivery of source.deliveries(AbortSignal.timeout(3_000))) left.push(delivery);
  await source.done(left);
  await source[Symbol.asyncDispose]();
  return left.length;
}
