import { NEVER, sleep } from "../../shared/core/abort.ts";
import { messageOf } from "../../shared/core/errors.ts";
import type { BareTarget } from "./bare-connection.ts";
import { runBareWorker } from "./bare-worker.ts";
import { probeLeases } from "./load-probe.ts";

/** What a process of simulated workers is told. */
export interface LoadClientsOptions {
  readonly target: BareTarget;
  readonly name: string;
  readonly workers: number;
  /** Workers beside those, that ask for a lease only when they are free, and time the answer. */
  readonly probes: number;
  readonly shardMs: number;
}

/** What it is told later: shards take another time from now on. */
export interface LoadClientsPace {
  readonly shardMs: number;
}

/** What it tells, every second. */
export interface LoadClientsNews {
  /** How long each lease of a free worker took, while there were shards to be had. */
  readonly leaseMs: readonly number[];
  readonly troubles: number;
}

/** Joining workers are spread over this time each: a thousand nodes do not start in one millisecond. */
const JOIN_EVERY_MS = 1;

async function main({ target, name, workers, probes, ...pace }: LoadClientsOptions): Promise<void> {
  let { shardMs } = pace;
  let leaseMs: number[] = [];
  let troubles = 0;
  const tell = () => {
    const news: LoadClientsNews = { leaseMs, troubles };
    leaseMs = [];
    process.send?.(news);
  };
  setInterval(tell, 1_000);
  process.on("disconnect", () => process.exit(0));
  process.on("message", (message: LoadClientsPace) => {
    shardMs = message.shardMs;
  });
  const onTrouble = (error: unknown) => {
    troubles += 1;
    if (troubles < 10) process.stderr.write(`${name}: ${messageOf(error)}\n`);
  };
  for (let index = 0; index < probes; index += 1) {
    void probeLeases(target, `${name}-probe-${index}`, (tookMs) => leaseMs.push(tookMs));
  }
  for (let index = 0; index < workers; index += 1) {
    void runBareWorker({ target, name: `${name}-${index}`, shardMs: () => shardMs, onTrouble });
    await sleep(JOIN_EVERY_MS, NEVER);
  }
}

await main(JSON.parse(process.argv[2] ?? "null"));
