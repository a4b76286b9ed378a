import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { mapInOrder } from "../shared/core/map-in-order.ts";
import type { SeedQuestion } from "./seed-process.ts";
import type { SeedResult } from "./simulate.ts";

/**
 * Limit of seeds per process. Ended worlds are not freed entirely, because pending signals of exited
 * processes keep them. This many seeds use about 300 MiB.
 */
const SEEDS_PER_PROCESS = 1_000;

/** Runs seeds concurrently in processes of its own, each for a limited number of seeds. */
export class SeedProcesses implements Disposable {
  readonly #count: number;
  readonly #free: SeedProcess[] = [];
  readonly #all = new Set<SeedProcess>();

  constructor(count: number) {
    this.#count = count;
  }

  /** Yields the results in the order of the questions. */
  run(questions: Iterable<SeedQuestion>): AsyncGenerator<SeedResult, void, undefined> {
    // One more than there are processes, so that a free process always finds the next seed.
    return mapInOrder(
      streamOf(questions),
      () => this.#count,
      (question) => this.ask(question),
    );
  }

  async ask(question: SeedQuestion): Promise<SeedResult> {
    const free = this.#free.pop() ?? this.#start();
    const result = await free.ask(question);
    if (free.requested < SEEDS_PER_PROCESS) this.#free.push(free);
    else this.#end(free);
    return result;
  }

  [Symbol.dispose](): void {
    for (const each of this.#all) this.#end(each);
  }

  #start(): SeedProcess {
    const started = new SeedProcess();
    this.#all.add(started);
    return started;
  }

  #end(ended: SeedProcess): void {
    this.#all.delete(ended);
    ended[Symbol.dispose]();
  }
}

class SeedProcess implements Disposable {
  requested = 0;
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("./seed-process.js", import.meta.url)));

  ask(question: SeedQuestion): Promise<SeedResult> {
    this.requested += 1;
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null) =>
        reject(new Error(`the process of seed ${question.seed} ended with ${signal ?? `code ${code}`}`));
      child.once("exit", onExit);
      child.once("message", (result: SeedResult) => {
        child.off("exit", onExit);
        resolve(result);
      });
      child.send(question);
    });
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

async function* streamOf<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items;
}
