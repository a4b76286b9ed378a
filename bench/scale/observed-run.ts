import { userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { isEnded, type JobPhase } from "../../shared/domain/job.ts";
import { asJobId } from "../../shared/domain/job-id.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import { startCli } from "../../test/support/processes.ts";
import { TreeSampler } from "../peers/tree-sampler.ts";

/** State of a job at one moment of its run. */
interface Sighting {
  readonly atSeconds: number;
  readonly phase: JobPhase;
  readonly rowsDone: number;
}

export interface ObservedRun {
  readonly rows: number;
  /** Seconds from the command's start to its end. */
  readonly seconds: number;
  /** Seconds from the command's start to the first status with a mapped row. */
  readonly firstRowSeconds: number;
  /** Rows a second between a fifth and four fifths of the rows, without start and tail. */
  readonly steadyRowsPerSecond: number;
  /** Peak memory of all processes of the run together. */
  readonly peakBytes: number;
  /** Log of the run on stderr, one JSON object a line. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
}

interface ObservedRunOptions {
  readonly jobPath: string;
  readonly args?: readonly string[];
  readonly limitMs?: number;
}

const LOOK_MS = 50;
/** Status checks for each memory sample: sampling all processes costs more than asking for the status. */
const LOOKS_A_SAMPLE = 4;
const STEADY = [0.2, 0.8] as const;

/** Runs a job with `shardmill run --fresh`, and observes it from outside: over gRPC, and in `/proc`. */
export async function observeRun({
  jobPath,
  args = [],
  limitMs = 900_000,
}: ObservedRunOptions): Promise<ObservedRun> {
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  await using cli = startCli(["run", jobPath, "--fresh", "--json", "--log-level", "info", ...args], {
    limitMs,
  });
  const sampler = new TreeSampler(process.pid);
  const [, address = ""] = await cli.saw(/coordinator on ([\d.]+:\d+)/);
  const client = connectCoordinator(address, userCredential());
  const seen: Sighting[] = [];
  let ended = false;
  const end = cli.ended.finally(() => {
    ended = true;
  });
  end.catch(() => {});
  try {
    for (let look = 0; !ended; look += 1) {
      const status = await statusOf(client);
      if (status === null || isEnded(status.phase)) break;
      seen.push({ atSeconds: seconds(), phase: status.phase, rowsDone: status.rowsDone });
      if (look % LOOKS_A_SAMPLE === 0) await sampler.sample();
      await sleep(LOOK_MS, NEVER);
    }
  } finally {
    client.close();
  }
  const { code, stdout, stderr } = await end;
  if (code !== 0) throw new Error(`the run ended with ${code}: ${stderr.slice(-2_000)}`);
  const { rows } = JSON.parse(stdout) as { rows: number };
  return {
    rows,
    seconds: seconds(),
    firstRowSeconds: seen.find(({ rowsDone }) => rowsDone > 0)?.atSeconds ?? Number.NaN,
    steadyRowsPerSecond: steadyRate(seen, rows),
    peakBytes: sampler.peakBytes,
    log: logOf(stderr),
  };
}

/** Returns the rows a second between two shares of all rows. NaN: the run ended before both were seen. */
function steadyRate(seen: readonly Sighting[], rows: number): number {
  const [from, to] = STEADY.map((share) => seen.find(({ rowsDone }) => rowsDone >= share * rows));
  if (from === undefined || to === undefined) return Number.NaN;
  return (to.rowsDone - from.rowsDone) / (to.atSeconds - from.atSeconds);
}

/** Returns the job's status. Null: the coordinator is gone. */
async function statusOf(client: CoordinatorClient): Promise<JobStatus | null> {
  return client.jobs.getJob(asJobId(""), NEVER).catch(() => null);
}

function logOf(stderr: string): readonly Readonly<Record<string, unknown>>[] {
  return stderr
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
