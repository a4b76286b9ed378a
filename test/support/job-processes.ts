import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readJournal } from "../../coordinator/journal/journal.ts";
import type { JournalRecord } from "../../coordinator/schedule/state/record.ts";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import type { KnownJob } from "./known-job.ts";
import { type CliOptions, type CliProcess, startCli } from "./processes.ts";

/** Processes of a known job, and what is visible from outside. */

export interface Listening {
  readonly cli: CliProcess;
  readonly address: string;
}

/**
 * Limit of serving processes, which their test ends. Half a minute is too short on a busy machine. A
 * coordinator that the limit kills would look like one that has exited, whose lock another takes.
 */
const SERVING_LIMIT_MS = 300_000;

/** Starts a command that listens (`run`, `coordinator`) and waits for its address. */
export async function startListening(
  job: KnownJob,
  args: readonly string[],
  options: CliOptions = {},
): Promise<Listening> {
  const cli = startCli(args, { limitMs: SERVING_LIMIT_MS, ...options, env: { ...job.env, ...options.env } });
  const [, address = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
  return { cli, address };
}

export function startCoordinator(job: KnownJob, args: readonly string[] = [job.path]): Promise<Listening> {
  return startListening(job, ["coordinator", ...args, "--listen", "127.0.0.1:0", "--log-level", "warn"]);
}

export function startWorker(
  job: KnownJob,
  address: string,
  args: readonly string[] = [],
  options: CliOptions = {},
): CliProcess {
  return startCli(["worker", "--coordinator", address, "--device", "cpu", "--workers", "1", ...args], {
    limitMs: SERVING_LIMIT_MS,
    ...options,
    env: { ...job.env, ...options.env },
  });
}

/** Calls a coordinator on a separate connection. */
export async function ask<T>(
  address: string,
  question: (client: CoordinatorClient) => Promise<T>,
): Promise<T> {
  const client = connectCoordinator(address, userCredential());
  try {
    return await question(client);
  } finally {
    client.close();
  }
}

export interface JournalFacts {
  readonly shards: number;
  readonly committed: readonly PartialManifest[];
  /** Number of granted executions, over all generations. */
  readonly granted: number;
}

/** Reads facts from the journal of an unfinished job, even while a coordinator writes it. */
export async function journalFacts(job: Pick<KnownJob, "out">): Promise<JournalFacts> {
  const { records } = await readJournal(join(job.out, "_shardmill", "journal"));
  return factsOf(records);
}

/** Returns the tasks of reductions that are committed, by the journals of inner jobs on this machine. */
export async function committedTasks(job: Pick<KnownJob, "out">): Promise<number> {
  const work = join(job.out, "_shardmill");
  const names = (await readdir(work)).filter((name) => /^tasks-.*(?<!-files)$/.test(name));
  const journals = await Promise.all(names.map((name) => readJournal(join(work, name))));
  return journals.reduce((sum, { records }) => sum + factsOf(records).committed.length, 0);
}

export function factsOf(records: readonly JournalRecord[]): JournalFacts {
  const plan = records.find((record) => record.kind === "planSealed");
  const committed = records.flatMap((record) => (record.kind === "shardCommitted" ? [record.partial] : []));
  const granted = records.filter((record) => record.kind === "leaseGranted").length;
  return { shards: plan?.shards.length ?? 0, committed, granted };
}

const LIMIT_MS = 240_000;

/**
 * Waits until `count` shards are committed.
 *
 * @throws {Error} at the time limit
 */
export async function untilCommitted(job: Pick<KnownJob, "out">, count: number): Promise<JournalFacts> {
  return await until(`${count} commits`, async () => {
    const facts = await journalFacts(job).catch(() => null);
    return facts !== null && facts.committed.length >= count ? facts : null;
  });
}

/** Repeats a call until its answer is not null. */
export async function until<T>(
  what: string,
  answer: () => Promise<T | null>,
  limitMs = LIMIT_MS,
): Promise<T> {
  const startMs = performance.now();
  while (performance.now() - startMs < limitMs) {
    const found = await answer();
    if (found !== null) return found;
    await sleep(20, NEVER);
  }
  throw new Error(`no ${what} within ${limitMs / 1000} s`);
}

/** Returns the sha256 of every file below a folder, by relative path. */
export async function digestsOf(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const digests = await Promise.all(
    paths.sort().map(async (path) => {
      const digest = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
      return [path.slice(folder.length + 1), digest] as const;
    }),
  );
  return Object.fromEntries(digests);
}

/** Returns the path of a partial's rows before they are published. */
export function rowsFileOf(job: KnownJob, partial: PartialManifest): string {
  return join(job.out, "_shardmill", "partials", partialFolder(partial), "rows.parquet");
}
