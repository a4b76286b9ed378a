import { readdir } from "node:fs/promises";
import { NEVER, sleep } from "../shared/core/abort.ts";
import { messageOf } from "../shared/core/errors.ts";
import { KEYED_REDUCE, KnownJob } from "../test/support/known-job.ts";
import { lcg } from "../test/support/onnx-model.ts";
import { runCli } from "../test/support/processes.ts";
import { BUCKET_FAULT_KINDS, FAULT_KINDS, type FaultKind, faultKindsOf, inject } from "./chaos-faults.ts";
import { GivenUp, watchProgress } from "./chaos-progress.ts";
import type { FaultWorld } from "./fault-world.ts";
import { MortalCoordinator, WorkerSlot } from "./fleet.ts";
import { freePort } from "./free-port.ts";
import { processesWith } from "./left-processes.ts";
import { ON_DISK, type RoundPlace } from "./round-place.ts";
import { type JobsEnd, SubmittedJobs } from "./submitted-jobs.ts";

interface RoundOptions {
  readonly seed: number;
  readonly workers: number;
  /** Number of shards of all jobs together. */
  readonly shards: number;
  /** Number of jobs on one coordinator. Default: 1. */
  readonly jobs?: number;
  /** The reductions are by key, in many tasks. Default: false. */
  readonly hasTasks?: boolean;
  /**
   * Time with faults of every kind. Afterwards, only kinds that have not fired yet and the coordinator's kill
   * follow.
   */
  readonly faultSeconds: number;
  /** Place of the output. Default: a disk. Other places take one job only. */
  readonly place?: RoundPlace;
  /** Receives each event of the round. */
  readonly note: (text: string) => void;
}

interface RoundResult {
  readonly fired: Readonly<Record<FaultKind, number>>;
  /** Number of faults without a visible effect. */
  readonly missed: number;
  readonly seconds: number;
  /** Broken promises. Empty for a good round. */
  readonly problems: readonly string[];
}

/** A tenth of the default times: a worker that is paused for five seconds surely loses its shards. */
const LEASE_MS = 3_000;
const HEARTBEAT_MS = 1_000;
const COORDINATOR_ARGS = [
  ...["--lease-ms", String(LEASE_MS), "--heartbeat-ms", String(HEARTBEAT_MS)],
  ...["--worker-grace-ms", "60000", "--backup-min-ms", "2000", "--log-level", "warn"],
];
const ROWS_PER_SHARD = 100;
/** Reductions by key. By id, each row is a group: some 64 tasks for 180 shards. */
const MANY_TASKS = {
  ...KEYED_REDUCE,
  ids: { by: ["id"], final: "SELECT id, count(*) AS n FROM rows GROUP BY id ORDER BY id" },
};
const FAULT_GAP_MS = { least: 500, most: 1_800 } as const;
/** Time that a dismissed worker may take to exit, because its shard threads close first. */
const GOING_HOME_MS = 5_000;
/** Gaps after the time of faults, in which only missing faults and the coordinator's kill follow. */
const HEALING_GAP_MS = { least: 3_000, most: 6_000 } as const;

/** Runs one job or several under a seeded schedule of faults, and checks all promises afterwards. */
export async function chaosRound(options: RoundOptions): Promise<RoundResult> {
  const startedMs = performance.now();
  const { jobs: count = 1, place = ON_DISK, hasTasks = false } = options;
  const reduce = hasTasks ? MANY_TASKS : {};
  await using job = await chaosJob(Math.ceil(options.shards / count), { ...place.spec, reduce });
  await using others = await otherJobs(count - 1, Math.ceil(options.shards / count));
  const jobs = [job, ...others.jobs];
  const tally = new Tally(options.note);
  const ofRound = { port: await freePort(), args: COORDINATOR_ARGS, ownJob: count === 1 };
  await using coordinator = new MortalCoordinator({ job, place, ...ofRound });
  await using submitted = count === 1 ? null : await SubmittedJobs.start(coordinator, jobs);
  const slots: WorkerSlot[] = [];
  try {
    for (let index = 0; index < options.workers; index += 1)
      slots.push(await WorkerSlot.open(index, { job, place }, coordinator.port));
    const random = lcg(options.seed);
    const world: FaultWorld = { coordinator, slots, job, place, leaseMs: LEASE_MS, random };
    const done = submitted === null ? coordinator.done : Promise.race([submitted.done, coordinator.done]);
    const end = await underFaults(world, tally, { jobs, done, faultMs: options.faultSeconds * 1000 });
    if (end instanceof GivenUp) tally.problem(end.message);
    else if (end.code !== 0) tally.problem(`the job ended with ${end.code}: ${end.stderr.slice(-2_000)}`);
    await endWorkers(slots, tally);
    if (!(end instanceof GivenUp) && end.code === 0)
      for (const one of jobs) for (const problem of await place.problems(one)) tally.problem(problem);
  } catch (error) {
    tally.problem(messageOf(error));
  } finally {
    for (const slot of slots) await slot[Symbol.asyncDispose]();
    await coordinator[Symbol.asyncDispose]();
  }
  for (const problem of await leftBehind(job, place)) tally.problem(problem);
  const { fired, missed, problems } = tally;
  return { fired, missed, problems, seconds: (performance.now() - startedMs) / 1000 };
}

/** Makes a job that is slow enough for a dozen faults: each row costs nine million multiplications. */
function chaosJob(shards: number, spec: RoundPlace["spec"]): Promise<KnownJob> {
  return KnownJob.make({
    rows: shards * ROWS_PER_SHARD,
    files: 4,
    rowGroupRows: ROWS_PER_SHARD,
    hidden: [2_000, 2_000, 1_500],
    spec: { input: { shardRows: ROWS_PER_SHARD }, map: { batch: { rows: 10 } }, ...spec },
  });
}

async function otherJobs(count: number, shards: number): Promise<AsyncDisposable & { jobs: KnownJob[] }> {
  const jobs: KnownJob[] = [];
  for (let index = 0; index < count; index += 1) jobs.push(await chaosJob(shards, {}));
  return {
    jobs,
    async [Symbol.asyncDispose]() {
      for (const job of jobs) await job[Symbol.asyncDispose]();
    },
  };
}

class Tally {
  readonly fired: Record<FaultKind, number>;
  missed = 0;
  readonly problems: string[] = [];
  readonly #note: (text: string) => void;
  readonly #startedMs = performance.now();

  constructor(note: (text: string) => void) {
    this.#note = note;
    this.fired = noFaults();
  }

  async run(kind: FaultKind, world: FaultWorld): Promise<void> {
    try {
      const result = await inject(kind, world);
      if (result.fired) this.fired[kind] += 1;
      else this.missed += 1;
      this.#say(`${result.fired ? "" : "(nothing) "}${kind}: ${result.text}`);
    } catch (error) {
      this.problem(`${kind}: ${messageOf(error)}`);
    }
  }

  problem(what: string): void {
    this.problems.push(what);
    this.#say(`BROKEN ${what}`);
  }

  #say(text: string): void {
    this.#note(`${((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  }
}

export function noFaults(): Record<FaultKind, number> {
  const kinds = [...FAULT_KINDS, ...BUCKET_FAULT_KINDS];
  return Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<FaultKind, number>;
}

/**
 * Injects concurrent faults until the job has ended. Returns its end, or the reason why the round was
 * aborted.
 */
async function underFaults(
  world: FaultWorld,
  tally: Tally,
  {
    jobs,
    done,
    faultMs,
  }: { readonly jobs: readonly KnownJob[]; readonly done: Promise<JobsEnd>; readonly faultMs: number },
): Promise<JobsEnd | GivenUp> {
  const over = new AbortController();
  const ended = done.finally(() => over.abort());
  let moved = 0;
  const onMoved = () => {
    moved += 1;
  };
  const injecting = injectUntil({ world, tally, faultMs, moved: () => moved }, over.signal);
  const watched = watchProgress({ jobs, place: world.place, onMoved }, over.signal).then(
    () => ended,
    (error: unknown) => {
      if (error instanceof GivenUp) return error;
      throw error;
    },
  );
  const end = await Promise.race([ended, watched]);
  over.abort();
  await injecting;
  return end;
}

interface Injecting {
  readonly world: FaultWorld;
  readonly tally: Tally;
  readonly faultMs: number;
  /** Returns how often progress was detected. */
  readonly moved: () => number;
}

async function injectUntil({ world, tally, faultMs, moved }: Injecting, over: AbortSignal): Promise<void> {
  const { random } = world;
  const kinds = faultKindsOf(world.place);
  // Every kind once, and the coordinator's kill three times.
  const full: readonly FaultKind[] = [...kinds, "coordinatorKilled", "coordinatorKilled"];
  const startedMs = performance.now();
  const running = new Set<Promise<void>>();
  let deck: FaultKind[] = [];
  let movedBefore = 0;
  while (!over.aborted) {
    const unproved = kinds.filter((kind) => tally.fired[kind] === 0);
    const healing = performance.now() - startedMs > faultMs;
    const { least, most } = healing ? HEALING_GAP_MS : FAULT_GAP_MS;
    await sleep(least + random() * (most - least), over).catch(() => {});
    // A slow machine may need longer than this for a coordinator, its workers and a shard. It could not end a
    // job whose coordinator is always killed before. `watchProgress` aborts a stuck job.
    if (healing) await until(() => moved() > movedBefore, over);
    movedBefore = moved();
    if (over.aborted) break;
    if (healing) deck = [unproved[0] ?? "coordinatorKilled"];
    else if (deck.length === 0) deck = shuffled(random, full);
    const kind = deck.pop() ?? "coordinatorKilled";
    const fault = tally.run(kind, world).finally(() => running.delete(fault));
    running.add(fault);
    if (healing) await fault;
  }
  await Promise.allSettled(running);
}

async function until(isSo: () => boolean, over: AbortSignal): Promise<void> {
  while (!isSo() && !over.aborted) await sleep(100, over).catch(() => {});
}

function shuffled<T>(random: () => number, cards: readonly T[]): T[] {
  const left = [...cards];
  const deck: T[] = [];
  while (left.length > 0) deck.push(...left.splice(Math.floor(random() * left.length), 1));
  return deck;
}

/** Waits for dismissed workers, and drains the others. All of them must exit with 0, in time. */
async function endWorkers(slots: readonly WorkerSlot[], tally: Tally): Promise<void> {
  const gone = Promise.all(slots.map(({ supervisor }) => supervisor.ended));
  gone.catch(() => {});
  // A signal during the exit of a process would end it as if it had no handler for signals.
  await Promise.race([gone, sleep(GOING_HOME_MS, NEVER)]).catch(() => {});
  for (const { supervisor } of slots) if (supervisor.groupLives()) supervisor.kill("SIGTERM");
  const ends = await Promise.all(
    slots.map(({ supervisor }) => Promise.race([supervisor.ended, sleep(30_000, NEVER).then(() => null)])),
  );
  for (const [index, end] of ends.entries()) {
    if (end === null) tally.problem(`worker ${index} does not end after SIGTERM`);
    else if (end.code !== 0 && !hadNotBegun(end))
      tally.problem(`worker ${index} ended with ${end.code ?? end.signal}`);
  }
}

/** Returns true for a process that a fault had just started: a signal before the program listens ends it. */
function hadNotBegun(end: { readonly signal: NodeJS.Signals | null; readonly stderr: string }): boolean {
  return end.signal === "SIGTERM" && end.stderr === "";
}

/**
 * Returns processes and temporary files of the round. The next commands on the machine sweep those of killed
 * processes.
 */
async function leftBehind(job: KnownJob, place: RoundPlace): Promise<string[]> {
  const processes = processesWith(job.folder);
  const env = place.env(job, "machine-1");
  await runCli(["worker", "--coordinator", "127.0.0.1:1", "--device", "cpu", "--patience", "0"], { env });
  await runCli(["plan", job.path], { env });
  return [
    ...processes.map(({ pid, command }) => `process ${pid} still runs: ${command}`),
    ...(await readdir(job.tmp)).map((name) => `${name} is left in the temporary folder`),
  ];
}
