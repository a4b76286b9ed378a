import { sleep } from "../shared/core/abort.ts";
import { messageOf } from "../shared/core/errors.ts";
import { connectCoordinator } from "../shared/wire/client.ts";
import { type LoadProbe, openProbe } from "./load-probe.ts";
import { runSleepyWorker } from "./sleepy-worker.ts";

/** What a process of simulated workers is told. */
export interface LoadClientsOptions {
  readonly coordinator: string;
  readonly name: string;
  readonly workers: number;
  /** Workers beside those, that ask for a lease only when they are free, and time the answer. */
  readonly probes: number;
  readonly shardMs: number;
}

/** What it tells, every second. */
export interface LoadClientsNews {
  /** How long each lease of a free worker took, while there were shards to be had. */
  readonly leaseMs: readonly number[];
  readonly failures: number;
}

/** Joining workers are spread over this time each: a thousand nodes do not start in one millisecond. */
const JOIN_EVERY_MS = 3;
const PROBE_EVERY_MS = 200;

async function main(options: LoadClientsOptions): Promise<void> {
  const never = new AbortController().signal;
  let leaseMs: number[] = [];
  let failures = 0;
  const tell = () => {
    const news: LoadClientsNews = { leaseMs, failures };
    leaseMs = [];
    process.send?.(news);
  };
  setInterval(tell, 1_000);
  process.on("disconnect", () => process.exit(0));
  const { coordinator, name, shardMs } = options;
  for (let index = 0; index < options.workers; index += 1) {
    const worker = { coordinator, name: `${name}-${index}`, shardMs };
    runSleepyWorker(worker, { drain: never, stop: never }).catch((error: unknown) => {
      failures += 1;
      process.stderr.write(`${worker.name} gave up: ${messageOf(error)}\n`);
    });
    await sleep(JOIN_EVERY_MS);
  }
  for (let index = 0; index < options.probes; index += 1) {
    const client = connectCoordinator(coordinator);
    void timeLeases(
      () => openProbe(client, `${name}-probe-${index}`),
      (ms) => leaseMs.push(ms),
    );
  }
}

/** A probe that was lost is opened again: under load its heartbeats, which it does not send, are not what is measured. */
async function timeLeases(open: () => Promise<LoadProbe>, found: (ms: number) => void): Promise<void> {
  let probe: LoadProbe | null = null;
  for (;;) {
    try {
      probe ??= await open();
      const ms = await probe.lease();
      if (ms !== null) found(ms);
    } catch {
      probe = null;
    }
    await sleep(PROBE_EVERY_MS * (0.5 + Math.random()));
  }
}

await main(JSON.parse(process.argv[2] ?? "null"));
