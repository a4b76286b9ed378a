import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { ProcessLink } from "../../shared/core/remote/process-link.ts";
import { Remote } from "../../shared/core/remote/remote.ts";
import { processArguments, processEnvironment } from "./process-arguments.ts";
import type { WorkerOptions } from "./worker.ts";
import type { SupervisorMethods, WorkerProcessMethods } from "./worker-protocol.ts";

/** Whom a worker works for. */
export type Joining = Pick<WorkerOptions, "coordinator" | "credential">;

export interface ProcessLayout {
  readonly options: Omit<WorkerOptions, "scratchPath" | "copiesPath" | keyof Joining>;
  /** Added to the child's environment: which of several devices it may see. */
  readonly env: Readonly<Record<string, string>>;
  /** The GPU of NVIDIA's that it works on, as CUDA_VISIBLE_DEVICES names it. */
  readonly gpu?: string;
}

export type WorkerRemote = Remote<WorkerProcessMethods>;

/** @param entry what the process runs, compiled. Default: the usual worker */
export function startProcess(
  { options, env }: Pick<ProcessLayout, "options" | "env">,
  turns: Turns<string>,
  entry: URL = compiledUrl("worker/process/worker-process.ts"),
): WorkerRemote {
  const child = fork(fileURLToPath(entry), [], {
    execArgv: [...process.execArgv, ...processArguments(options.shardThreads)],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...processEnvironment(options), ...env },
  });
  const { name } = options;
  const serves: SupervisorMethods = {
    takeTurn: (turn) => new Promise((resolve) => turns.want(name, turn, resolve)),
    endTurn: (turn) => turns.end(name, turn),
  };
  return new Remote(new ProcessLink(child), { serves });
}

/**
 * Turns of the processes of one supervisor at what each of them would do alike, and one is enough for: to
 * fetch a model. They are asked for by name, and given in the order of asking.
 */
export class Turns<Who> {
  /** The first has the turn. */
  readonly #queues = new Map<string, { readonly who: Who; readonly grant: () => void }[]>();

  want(who: Who, name: string, grant: () => void): void {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    queue.push({ who, grant });
    if (queue.length === 1) grant();
  }

  end(who: Who, name: string): void {
    this.#leave(who, name);
  }

  /** It has ended, however: its turns are others' now. */
  gone(who: Who): void {
    for (const name of [...this.#queues.keys()]) this.#leave(who, name);
  }

  #leave(who: Who, name: string): void {
    const before = this.#queues.get(name) ?? [];
    const left = before.filter((one) => one.who !== who);
    if (left.length === 0) this.#queues.delete(name);
    else this.#queues.set(name, left);
    if (left[0] !== before[0]) left[0]?.grant();
  }
}
