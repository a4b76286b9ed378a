import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { BareTarget } from "./bare-connection.ts";
import type { LoadClientsNews, LoadClientsOptions, LoadClientsPace } from "./load-clients.ts";

interface LoadFleetOptions {
  readonly target: BareTarget;
  readonly processes: number;
  /** Workers of all processes together. Probes likewise. */
  readonly workers: number;
  readonly probes: number;
  readonly shardMs: number;
}

/** Processes that run simulated workers. */
export class LoadFleet {
  /** Lease latencies of probes since the last change of pace. */
  leaseMs: number[] = [];
  /** Lost connections and sessions. */
  troubles = 0;
  /** True when a process has exited: later figures are invalid. */
  died = false;
  #ended = false;
  readonly #children: readonly ChildProcess[];

  constructor({ target, processes, workers, probes, shardMs }: LoadFleetOptions) {
    this.#children = Array.from({ length: processes }, (_, index) =>
      this.#start({
        target,
        name: `load-${index}`,
        workers: share(workers, processes, index),
        probes: share(probes, processes, index),
        shardMs,
      }),
    );
  }

  /** Sets the duration of each later shard. */
  pace(shardMs: number): void {
    for (const child of this.#children) child.send({ shardMs } satisfies LoadClientsPace);
  }

  end(): void {
    this.#ended = true;
    for (const child of this.#children) child.kill("SIGKILL");
  }

  #start(options: LoadClientsOptions): ChildProcess {
    const entry = fileURLToPath(compiledUrl("bench/load/load-clients.ts"));
    const child = fork(entry, [JSON.stringify(options)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    child.once("exit", () => {
      this.died = !this.#ended;
    });
    let before = 0;
    child.on("message", (news: LoadClientsNews) => {
      this.leaseMs.push(...news.leaseMs);
      this.troubles += news.troubles - before;
      before = news.troubles;
    });
    return child;
  }
}

function share(total: number, parts: number, index: number): number {
  return Math.floor((total * (index + 1)) / parts) - Math.floor((total * index) / parts);
}
