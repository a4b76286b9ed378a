import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { userCredential } from "../../shared/access/credential.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { Supervisor } from "../../worker/process/supervisor.ts";

interface FleetOptions {
  readonly coordinator: string;
  /** Duration of a shard for each worker, by the worker's index. */
  readonly shardMs: readonly number[];
}

/** Worker processes, each under its own supervisor, as on separate nodes. */
export class SleepyFleet implements AsyncDisposable {
  readonly #coordinator: string;
  readonly #scratch: string;
  readonly #supervisors: readonly Supervisor[];

  private constructor(coordinator: string, scratch: string, supervisors: readonly Supervisor[]) {
    this.#coordinator = coordinator;
    this.#scratch = scratch;
    this.#supervisors = supervisors;
  }

  static async start({ coordinator, shardMs }: FleetOptions): Promise<SleepyFleet> {
    const scratch = await mkdtemp(join(tmpdir(), "shardmill-fleet-"));
    const supervisors = shardMs.map(
      (ms, index) =>
        new Supervisor({
          processes: [
            {
              options: {
                name: nameOf(index),
                device: "cpu",
                lanes: 1,
                threadsPerLane: 1,
                shardThreads: 1,
                cores: 2,
                access: "shared",
                logLevel: "error",
                giveUpMs: 60_000,
              },
              env: { BENCH_SHARD_MS: String(ms) },
            },
          ],
          joins: { coordinator, credential: userCredential() },
          scratchPath: join(scratch, nameOf(index)),
          entry: compiledUrl("bench/rounds/sleepy-process.ts"),
          log: silentLogger,
        }),
    );
    return new SleepyFleet(coordinator, scratch, supervisors);
  }

  /** Kills the processes of these workers, whose supervisors restart them. */
  async kill(indices: readonly number[]): Promise<void> {
    const client = connectCoordinator(this.#coordinator, userCredential());
    try {
      const workers = await client.workers.listWorkers(NEVER);
      for (const index of indices) {
        const worker = workers.find(({ name }) => name === nameOf(index));
        if (worker !== undefined) process.kill(worker.pid, "SIGKILL");
      }
    } finally {
      client.close();
    }
  }

  /** Kills these workers and their supervisors, as when a node is lost. */
  async lose(indices: readonly number[]): Promise<void> {
    await Promise.all(indices.map((index) => this.#supervisors[index]?.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#supervisors.map((supervisor) => supervisor.stop()));
    await rm(this.#scratch, { recursive: true, force: true });
  }
}

function nameOf(index: number): string {
  return `bench-${index}`;
}
