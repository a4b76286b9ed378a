import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { BareTarget } from "./bare-connection.ts";
import type { LoadClientsNews, LoadClientsOptions, LoadClientsPace } from "./load-clients.ts";

interface LoadFleetOptions {
  readonly target: BareTarget;
  readonly processes: number;
  /** Of all processes together, as are the probes. */
  readonly workers: number;
  readonly probes: number;
  readonly shardMs: number;
}

/** Processes that hold simulated workers. */
export class LoadFleet {
  /** How long each lease of a probe took since the last pace was set. */
  leaseMs: number[] = [];
  /** Connections and sessions that were lost. */
  troubles = 0;
  /** One of the processes is gone: what is measured from here on is something else. */
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

  /** From now on each shard takes so long. */
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
