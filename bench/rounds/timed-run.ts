import { join } from "node:path";
import { startCoordinator } from "../../coordinator/coordinator.ts";
import type { JobHandle } from "../../coordinator/job/job-handle.ts";
import { reducedPath } from "../../coordinator/publish/layout.ts";
import type { ScheduleConfig } from "../../coordinator/schedule/state/config.ts";
import { ensureCredential, secretPath } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import { CountingJob } from "../fixtures/counting-job.ts";
import { SleepyFleet } from "./sleepy-fleet.ts";

export interface TimedRunOptions {
  readonly shards: number;
  /** Duration of a shard for each worker: one worker for each value. */
  readonly shardMs: readonly number[];
  readonly schedule?: Partial<Omit<ScheduleConfig, "maxDeadLetters">>;
  /** Disturbs the workers when half of the shards are committed. Default: no disturbance. */
  readonly atHalf?: (fleet: SleepyFleet) => Promise<void>;
}

interface TimedRun {
  /** Seconds from the first lease to the published output. */
  readonly seconds: number;
  readonly attempts: number;
}

/** Runs a counting job with a fleet of workers, and checks its answer. */
export async function timedRun(options: TimedRunOptions): Promise<TimedRun> {
  await using job = await CountingJob.make({ shards: options.shards });
  const { secret } = await ensureCredential(secretPath());
  const coordinator = await startCoordinator({
    listen: "127.0.0.1:0",
    guard: { secret, tokensPath: null, auditPath: null, takesJobs: true },
    clock: systemClock,
    log: silentLogger,
    ...(options.schedule === undefined ? {} : { schedule: options.schedule }),
  });
  try {
    await using fleet = await SleepyFleet.start({
      coordinator: coordinator.address,
      shardMs: options.shardMs,
    });
    while (coordinator.workerCount() < options.shardMs.length) await sleep(50, NEVER);
    const handle = await coordinator.submit(await job.spec(), { fresh: false, signal: NEVER });
    const startedMs = performance.now();
    const disturbed = disturb(handle, fleet, options.atHalf);
    const { phase, attempts, failure } = await handle.ended;
    const seconds = (performance.now() - startedMs) / 1000;
    await disturbed;
    if (phase !== "published") throw new Error(`the job is ${phase}: ${failure?.message}`);
    await checkAnswer(job);
    return { seconds, attempts };
  } finally {
    await coordinator.close();
  }
}

async function disturb(
  handle: JobHandle,
  fleet: SleepyFleet,
  atHalf: TimedRunOptions["atHalf"],
): Promise<void> {
  if (atHalf === undefined) return;
  for (;;) {
    const { shardsCommitted, shardsTotal } = handle.status();
    if (2 * shardsCommitted >= shardsTotal) break;
    await sleep(20, NEVER);
  }
  await atHalf(fleet);
}

/** @throws when the job's count of rows is wrong */
export async function checkAnswer(job: CountingJob): Promise<void> {
  const folders = [job.out];
  await using database = await openLockedDatabase({ folders, tempFolder: job.folder });
  const path = join(job.out, reducedPath("rows"));
  const [row] = await database.rows(`SELECT n FROM read_parquet(${quoteLiteral(path)})`);
  if (Number(row?.n) !== job.rows) throw new Error(`${job.rows} rows were expected, ${row?.n} counted`);
}
