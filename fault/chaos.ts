import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { packageRoot } from "../shared/core/package-root.ts";
import { LongRun } from "../sim/long-run.ts";
import { type S3Server, startS3Server } from "../test/support/s3-server.ts";
import { BucketPlace } from "./bucket-place.ts";
import { type FaultKind, faultKindsOf } from "./chaos-faults.ts";
import { chaosRound, noFaults } from "./chaos-round.ts";
import { numbersFrom } from "./number-options.ts";
import { openOwnTempFolder } from "./own-temp-folder.ts";
import { ON_DISK } from "./round-place.ts";

/**
 * `npm run chaos`: runs jobs of real processes under seeded faults, one after another, until the time is up.
 * Exits with 1 when a promise was broken, and prints the command that repeats the round. The seed decides the
 * schedule of faults. The course of the processes also depends on the machine.
 */
const LEAST = { minutes: 0, rounds: 1, seed: 0, workers: 4, "fault-seconds": 0, jobs: 1, shards: 1 };
const args = await yargs(hideBin(process.argv))
  .scriptName("npm run chaos --")
  .usage(
    "$0 [--minutes M] [--seed S] [--rounds N]\n\nKills, stops and cuts off real workers and coordinators. " +
      "A round takes half a minute to a minute and a half, in a bucket one to three minutes.",
  )
  .option("minutes", { type: "number", default: 2, describe: "Start rounds for this many minutes" })
  .option("rounds", { type: "number", describe: "Number of rounds, instead of the minutes" })
  .option("seed", {
    type: "number",
    default: 1,
    describe: "Seed of the first round. Each later round has the next seed",
  })
  .option("workers", { type: "number", default: 4, describe: "Worker commands of a round, 4 to 8" })
  .option("fault-seconds", {
    type: "number",
    default: 20,
    describe: "Seconds with faults of every kind in each round. Then only the coordinator is killed",
  })
  .option("jobs", {
    type: "number",
    default: 1,
    describe: "Jobs on the coordinator, which divide the shards",
  })
  .option("shards", {
    type: "number",
    default: 120,
    describe: "Shards of each round. More shards take longer",
  })
  .option("output", {
    choices: ["disk", "bucket"] as const,
    default: "disk" as const,
    describe:
      "Where the job publishes. bucket: on versitygw, an S3 server that Go builds once. Rounds of even seeds keep " +
      "their journal there, too (work: bucket), and coordinators on other machines take part",
  })
  .example(
    "$0 --output bucket --minutes 10",
    "Coordinators on several machines, over a faulty connection to a bucket",
  )
  .strict()
  .requiresArg([...Object.keys(LEAST), "output"])
  .check(numbersFrom(LEAST, ["minutes", "fault-seconds"]))
  .check(({ workers, jobs, shards, output }) => {
    if (output === "bucket" && jobs > 1) throw new Error("--output bucket is for one job: omit --jobs");
    if (workers > 8) throw new Error("--workers must be at most 8");
    if (jobs > shards) throw new Error("--jobs must be at most --shards: each job has at least one");
    return true;
  })
  .parseAsync();

await using _folder = await openOwnTempFolder();
await using server = args.output === "bucket" ? await startServer() : null;
const total = noFaults();
const possible = new Set<FaultKind>();
let missed = 0;
using run = new LongRun();
const minutes = () => run.seconds / 60;
let rounds = 0;
while (args.rounds === undefined ? minutes() < args.minutes : rounds < args.rounds) {
  const seed = args.seed + rounds;
  run.at(
    args.rounds === undefined ? minutes() / args.minutes : rounds / args.rounds,
    `the round of seed ${seed}`,
  );
  rounds += 1;
  run.print(`round of seed ${seed}: ${args.workers} workers, ${args.jobs} jobs, ${args.shards} shards`);
  await using bucket = server === null ? null : await openBucket(server, seed);
  const place = bucket ?? ON_DISK;
  for (const kind of faultKindsOf(place)) possible.add(kind);
  const { workers, shards, jobs, "fault-seconds": faultSeconds } = args;
  const note = (text: string) => run.print(text);
  const result = await chaosRound({ seed, workers, shards, jobs, faultSeconds, place, note });
  for (const kind of possible) total[kind] += result.fired[kind];
  missed += result.missed;
  if (result.problems.length > 0) {
    run[Symbol.dispose]();
    console.log(`\nBROKEN in the round of seed ${seed}:`);
    for (const problem of result.problems) console.log(`  ${problem}`);
    const size = `--workers ${workers} --jobs ${jobs} --shards ${shards} --fault-seconds ${faultSeconds} --output ${args.output}`;
    console.log(`run it again: npm run chaos -- --rounds 1 --seed ${seed} ${size}`);
    process.exitCode = 1;
    break;
  }
  run.print(`  the right rows after ${result.seconds.toFixed(1)} s`);
}
run[Symbol.dispose]();
const verdict = process.exitCode === 1 ? "the last one BROKEN" : "all right";
console.log(`\n${rounds} rounds in ${minutes().toFixed(1)} minutes from seed ${args.seed}, ${verdict}`);
for (const kind of possible)
  console.log(`  ${kind.padEnd(18)} ${total[kind]}${total[kind] === 0 ? "  (NEVER FIRED)" : ""}`);
console.log(`  (${missed} faults had no target)`);

async function openBucket(server: S3Server, seed: number): Promise<BucketPlace> {
  const journal = seed % 2 === 0 ? "bucket" : "disk";
  run.print(`  the journal is ${journal === "bucket" ? "in the bucket" : "on the disk"}`);
  return await BucketPlace.open(server, { seed, journal });
}

/** Starts the server of `npm run stores`, which is fetched if necessary. */
async function startServer(): Promise<S3Server> {
  const fetching = [join(packageRoot, "scripts", "foreign.mjs"), "stores", "--fetch"];
  const { stdout } = await promisify(execFile)(process.execPath, fetching);
  process.env.SHARDMILL_FOREIGN ??= stdout.trim().split("\n").at(-1);
  return await startS3Server();
}
