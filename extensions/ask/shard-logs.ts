import { join } from "node:path";
import type { Shard } from "../../shared/domain/shard.ts";
import { AnswerLog } from "./answer-log.ts";

/** Limit of logs that stay open without a user. A shard's record batches come one after another. */
const MOST_IDLE = 4;

interface OpenLog {
  readonly opening: Promise<AnswerLog>;
  users: number;
}

/** Answer logs of the shards that a thread works on. */
export class ShardLogs implements AsyncDisposable {
  readonly #folder: string | null;
  readonly #open = new Map<string, OpenLog>();

  /** @param keptPath folder of the job's steps. Null: nothing is kept. */
  constructor(keptPath: string | null) {
    this.#folder = keptPath === null ? null : join(keptPath, "answers");
  }

  /** Calls with the log of a shard. */
  async use<T>(shard: Shard | undefined, act: (log: AnswerLog) => Promise<T>): Promise<T> {
    if (this.#folder === null || shard === undefined) return await act(AnswerLog.none());
    const name = `${shard.rowStart}-${shard.rowEnd}`;
    const log = this.#open.get(name) ?? { opening: AnswerLog.open(this.#folder, shard), users: 0 };
    this.#open.delete(name);
    this.#open.set(name, log);
    log.users += 1;
    try {
      return await act(await log.opening);
    } finally {
      log.users -= 1;
      this.#closeIdle();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { opening } of this.#open.values()) close(opening);
    await Promise.all([...this.#open.values()].map(({ opening }) => opening.catch(() => {})));
    this.#open.clear();
  }

  #closeIdle(): void {
    const idle = [...this.#open].filter(([, { users }]) => users === 0);
    for (const [name, { opening }] of idle.slice(0, Math.max(0, idle.length - MOST_IDLE))) {
      this.#open.delete(name);
      close(opening);
    }
  }
}

function close(opening: Promise<AnswerLog>): void {
  opening.then(
    (log) => log[Symbol.dispose](),
    () => {},
  );
}
