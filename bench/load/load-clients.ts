import { NEVER, sleep } from "../../shared/core/abort.ts";
import { messageOf } from "../../shared/core/errors.ts";
import type { BareTarget } from "./bare-connection.ts";
import { runBareWorker } from "./bare-worker.ts";
import { probeLeases } from "./load-probe.ts";

/** Start options of a process of simulated workers. */
export interface LoadClientsOptions {
  readonly target: BareTarget;
  readonly name: string;
  readonly workers: number;
  /** Additional workers that request a lease only when idle, and time the answer. */
  readonly probes: number;
  readonly shardMs: number;
}

/** Later message to the process: the new duration of shards. */
export interface LoadClientsPace {
  readonly shardMs: number;
}

/** Message from the process, every second. */
export interface LoadClientsNews {
  /** Latencies of leases to idle workers, while shards were available. */
  readonly leaseMs: readonly number[];
  readonly troubles: number;
}

/** Delay between joining workers: a thousand nodes do not start within one millisecond. */
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
