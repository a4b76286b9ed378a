import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { ProcessLink } from "../../shared/core/remote/process-link.ts";
import { Remote } from "../../shared/core/remote/remote.ts";
import { processEnvironment } from "./process-environment.ts";
import type { WorkerOptions } from "./worker.ts";
import type { SupervisorMethods, WorkerProcessMethods } from "./worker-protocol.ts";

/** Coordinator to join, with the credential. */
export type Joining = Pick<WorkerOptions, "coordinator" | "credential">;

export interface ProcessLayout {
  readonly options: Omit<WorkerOptions, "scratchPath" | "copiesPath" | keyof Joining>;
  /** Additions to the child's environment: the devices that are visible to it. */
  readonly env: Readonly<Record<string, string>>;
  /** NVIDIA GPU of the process, as named in CUDA_VISIBLE_DEVICES. */
  readonly gpu?: string;
}

export type WorkerRemote = Remote<WorkerProcessMethods>;

/** @param entry compiled script of the process. Default: the usual worker */
export function startProcess(
  { options, env }: Pick<ProcessLayout, "options" | "env">,
  turns: Turns<string>,
  entry: URL = compiledUrl("worker/process/worker-process.ts"),
): WorkerRemote {
  const child = fork(fileURLToPath(entry), [], {
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
 * Turns of a supervisor's processes at work that one can do for all, such as fetching a model. Turns have
 * names, and are granted in order of request.
 */
export class Turns<Who> {
  /** Queues by name. The first in a queue has the turn. */
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

  /** Releases all turns of an ended process. */
  exited(who: Who): void {
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
