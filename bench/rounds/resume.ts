import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandModule } from "yargs";
import { openJournal, readJournal } from "../../coordinator/journal/journal.ts";
import { bodiesOf } from "../../coordinator/journal/snapshot-file.ts";
import { replay } from "../../coordinator/schedule/events/replay.ts";
import { DEFAULT_SCHEDULE } from "../../coordinator/schedule/state/config.ts";
import { plannedShards } from "../../coordinator/schedule/state/job-state.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { tokenKey } from "../../shared/domain/token.ts";
import { startCli } from "../../test/support/processes.ts";
import { CountingJob } from "../fixtures/counting-job.ts";
import { manifestOf } from "../report/manifest-of.ts";
import { median, note, report, round } from "../report/report.ts";
import { longJournal } from "./long-journal.ts";
import { type ResumedKill, resumePlot, resumeTable, type TimedReplay } from "./resume-report.ts";
import { SleepyFleet } from "./sleepy-fleet.ts";
import { checkAnswer } from "./timed-run.ts";

interface ResumeArguments {
  readonly workers: number;
  readonly shards: number;
  readonly rounds: number;
  readonly "shard-ms": number;
  readonly "replay-shards": number;
}

export const resumeBench: CommandModule<object, ResumeArguments> = {
  command: "resume",
  describe:
    "Shards executed again after kill -9 of the coordinator (aim: those in flight); replay of 200,000 (2 s)",
  builder: (yargs) =>
    yargs
      .option("workers", { type: "number", default: 8, describe: "Worker processes" })
      .option("shards", { type: "number", default: 200, describe: "Shards of the job" })
      .option("rounds", { type: "number", default: 3, describe: "Jobs whose coordinator is killed" })
      .option("shard-ms", { type: "number", default: 500, describe: "Milliseconds of a worker for a shard" })
      .option("replay-shards", {
        type: "number",
        default: 200_000,
        describe: "Shards of the journal to replay",
      }),
  handler: runResume,
};

async function runResume(args: ResumeArguments): Promise<void> {
  const kills: ResumedKill[] = [];
  for (let at = 0; at < args.rounds; at += 1) {
    const kill = await killAndResume(args);
    kills.push(kill);
    note(`round ${at + 1}: ${kill.again} again, ${kill.inFlight} in flight`);
  }
  const replayed = await timeReplay(args["replay-shards"], args.rounds);
  const { records, mebibytes } = replayed;
  report({
    bench: "resume",
    about: `kill -9 of the coordinator at half of ${args.shards} shards; replay of ${args["replay-shards"]} shards`,
    options: {
      workers: args.workers,
      shards: args.shards,
      shardMs: args["shard-ms"],
      rounds: args.rounds,
      replayShards: args["replay-shards"],
    },
    table: resumeTable(kills, replayed),
    notes: [`the journal replayed has ${records} records in ${round(mebibytes)} MiB`],
    plot: resumePlot(kills, replayed, args["replay-shards"]),
  });
}

async function killAndResume({
  workers,
  shards,
  "shard-ms": shardMs,
}: ResumeArguments): Promise<ResumedKill> {
  await using job = await CountingJob.make({ shards });
  const start = (listen: string) =>
    startCli(["coordinator", job.path, "--listen", listen, "--log-level", "error"], {
      limitMs: 300_000,
    });
  await using first = start("127.0.0.1:0");
  const [, address = ""] = await first.saw(/coordinator on ([\d.]+:\d+)/);
  await using _fleet = await SleepyFleet.start({
    coordinator: address,
    shardMs: Array.from({ length: workers }, () => shardMs),
  });
  const journal = join(job.out, "_shardmill", "journal");
  while (2 * (await progressOf(journal)).committed < shards) await sleep(100, NEVER);
  first.kill("SIGKILL");
  await first.ended;
  const { inFlight } = await progressOf(journal);
  const killedMs = performance.now();
  await using second = start(address);
  await second.saw(/coordinator on/);
  const backSeconds = (performance.now() - killedMs) / 1000;
  const { code } = await second.ended;
  if (code !== 0) throw new Error(`the coordinator ended with ${code}: ${second.stderr}`);
  await checkAnswer(job);
  const manifest = await manifestOf(job.out);
  return { inFlight, again: manifest.attempts - shards, backSeconds };
}

/** Reads the journal: the committed shards, and the shards with an open lease. */
async function progressOf(path: string): Promise<{ readonly committed: number; readonly inFlight: number }> {
  const { records } = await readJournal(path);
  const open = new Map<string, number>();
  let committed = 0;
  for (const record of records) {
    if (record.kind === "leaseGranted") open.set(tokenKey(record.token), record.shard);
    else if (record.kind === "attemptEnded") open.delete(tokenKey(record.token));
    else if (record.kind === "shardCommitted") {
      committed += 1;
      open.delete(tokenKey(record.partial.token));
    }
  }
  return { committed, inFlight: new Set(open.values()).size };
}

async function timeReplay(shards: number, rounds: number): Promise<TimedReplay> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-bench-"));
  try {
    const path = join(folder, "journal");
    await mkdir(path);
    const { records, bytes } = await longJournal(path, shards);
    const reads: number[] = [];
    const folds: number[] = [];
    const cpus: number[] = [];
    for (let at = 0; at < rounds; at += 1) {
      const startMs = performance.now();
      const before = process.cpuUsage();
      await using opened = await openJournal(path, Date.now());
      const readMs = performance.now();
      const { records: rest, generation, snapshots } = opened;
      const state = replay({ ...DEFAULT_SCHEDULE, maxDeadLetters: 0 }, rest, generation, bodiesOf(snapshots));
      reads.push(readMs - startMs);
      folds.push(performance.now() - readMs);
      const { user, system } = process.cpuUsage(before);
      cpus.push((user + system) / 1000);
      if (plannedShards(state) !== shards) throw new Error("the journal has other shards");
    }
    const medians = { readMs: median(reads), foldMs: median(folds), cpuMs: median(cpus) };
    return { ...medians, records, mebibytes: bytes / 2 ** 20 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
