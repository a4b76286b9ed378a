import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { mapInOrder } from "../shared/core/map-in-order.ts";
import type { SeedQuestion } from "./seed-process.ts";
import type { SeedResult } from "./simulate.ts";

/**
 * A world that has ended is not all freed: signals that nobody aborts, of processes that died in it, keep it.
 * So many seeds take some 300 MiB.
 */
const SEEDS_PER_PROCESS = 1_000;

/** Runs seeds in processes of their own, several at once, each for so many seeds. */
export class SeedProcesses implements Disposable {
  readonly #count: number;
  readonly #free: SeedProcess[] = [];
  readonly #all = new Set<SeedProcess>();

  constructor(count: number) {
    this.#count = count;
  }

  /** The results, in the order of the questions. */
  run(questions: Iterable<SeedQuestion>): AsyncGenerator<SeedResult, void, undefined> {
    // One more than there are processes: whichever is done first finds the next.
    return mapInOrder(
      streamOf(questions),
      () => this.#count,
      (question) => this.ask(question),
    );
  }

  async ask(question: SeedQuestion): Promise<SeedResult> {
    const free = this.#free.pop() ?? this.#start();
    const result = await free.ask(question);
    if (free.asked < SEEDS_PER_PROCESS) this.#free.push(free);
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
  asked = 0;
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("./seed-process.js", import.meta.url)));

  ask(question: SeedQuestion): Promise<SeedResult> {
    this.asked += 1;
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
