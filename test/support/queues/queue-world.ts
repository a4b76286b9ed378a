import { tableFromIPC } from "apache-arrow";
import type { FailedKeys } from "../../../extensions/serve/queue/gatherer.ts";
import { QueueSession } from "../../../extensions/serve/queue/queue-session.ts";
import { Spool, type SpooledWindow } from "../../../extensions/serve/queue/spool.ts";
import { filesOf } from "../../../extensions/serve/queue/unreadable-files.ts";
import type { QueueTrigger } from "../../../extensions/serve/spec/queue-spec.ts";
import type { DecidedRun } from "../../../extensions/serve/trigger/run-outcome.ts";
import { NEVER, sleepBy } from "../../../shared/core/abort.ts";
import type { Disk } from "../../../shared/core/disk.ts";
import { errorToData, messageOf, ShardmillError } from "../../../shared/core/errors.ts";
import { silentLogger } from "../../../shared/core/log.ts";
import { makeFolders } from "../../../shared/core/make-folders.ts";
import { aJobId } from "../ids.ts";
import { type Fate, Lives, type ProcessWorld } from "../process-worlds.ts";
import { MortalBroker } from "./mortal-broker.ts";

const FOLDER = "/job/_trigger/windows";
const REMEMBER_MS = 300_000;
const STRING = { kind: "string" } as const;
export const ROWS: QueueTrigger = {
  kind: "queue",
  address: "amqp://here/queue",
  message: "row",
  columns: new Map([["id", STRING]]),
  window: { rows: 4, bytes: 1_000_000, ms: 500, open: 2 },
  key: "id",
  rememberMs: REMEMBER_MS,
  deadLetters: null,
  results: null,
};
export const FILES: QueueTrigger = { ...ROWS, message: "files", columns: new Map(), key: null };

/** Message ids. `poison` fails in its run, `gone` is a missing file, and `broken` is no valid message. */
const IDS = ["a", "b", "poison", "d", "gone", "f", "broken", "h", "i", "j"];
/** Longer than all attempts. */
const LIMIT_MS = 3_600_000;
/** Shorter than the time after which windows are forgotten. */
const SOON_MS = 60_000;

interface WorldOptions {
  readonly trigger: QueueTrigger;
  readonly seed: number;
  readonly fates: readonly Fate[];
  readonly lie?: (disk: Disk) => Disk;
  /** True when the broker refuses acknowledgements for longer than keys are remembered. */
  readonly isAway?: boolean;
}

/** A broker, an output, and processes between them. */
export class QueueWorld {
  readonly lives: Lives;
  /** Published rows or files of each window's run. */
  readonly published = new Map<string, readonly string[]>();
  readonly #trigger: QueueTrigger;
  readonly #broker: MortalBroker;
  /** Input of each run that has begun. A run resumes only with the same input. */
  readonly #begun = new Map<string, string>();
  readonly #failed = new Set<string>();
  /** Published windows whose run still has work files in this process. */
  readonly #unreleased = new Set<string>();
  readonly #sent = new Set<string>();

  constructor({ trigger, isAway = false, ...options }: WorldOptions) {
    this.#trigger = trigger;
    this.#broker = new MortalBroker(
      (id) => (id === "broken" ? "{" : JSON.stringify(this.#isFiles ? { path: id } : { id })),
      (id) => {
        if (!this.#isPublished(id)) this.lives.broken.push(`${id} is acknowledged and in no output`);
        if ([...this.#unreleased].some((window) => this.published.get(window)?.includes(id)))
          this.lives.broken.push(`${id} is acknowledged before the work files of its run are removed`);
      },
    );
    this.#broker.isAway = isAway;
    this.lives = new Lives({
      ...options,
      live: (life) => this.#live(life),
      onEnd: () => {
        this.#unreleased.clear();
        this.#broker.comesAgain(this.lives.random);
      },
    });
  }

  /**
   * Plays from the first message until all windows are forgotten.
   *
   * @returns the problems
   */
  async play(): Promise<readonly string[]> {
    const { lives } = this;
    this.#broker.send(IDS.slice(0, 6));
    lives.begin();
    await lives.until(() => false, 3_000);
    this.#broker.send([...IDS.slice(3), "a"]);
    if (this.#broker.isAway) await lives.until(() => false, 2 * REMEMBER_MS);
    else {
      await this.#soon("messages are not acknowledged", () => this.#broker.isEmpty);
      await this.#soon("files of windows are left", () => this.#areSettled, SOON_MS);
      // Names that neither the previous process nor this one has synced are lost now.
      lives.end(true);
    }
    this.#broker.send(IDS);
    await lives.until(() => false, 10_000);
    this.#broker.isAway = false;
    await this.#soon("repeated messages are not acknowledged", () => this.#broker.isEmpty);
    await this.#soon("files of windows are left", () => this.#areSettled, SOON_MS);
    this.#judge();
    await this.#soon("windows are not removed in time", () => this.#names(FOLDER).length === 0);
    lives.end(true);
    await this.#soon(
      "the folder of the windows is not created after a restart",
      () => lives.image.lookUp(FOLDER) !== null,
    );
    await lives.until(() => false, 10_000);
    await this.#soon(
      "windows remain after a restart, although they were removed",
      () => this.#names(FOLDER).length === 0,
    );
    return lives.broken;
  }

  async #live(life: ProcessWorld): Promise<void> {
    const { disk, clock, random } = life;
    // The ledger beside the spool makes these folders when it is locked, which is first.
    for (const folder of ["/job", "/job/_trigger"]) await makeFolders(folder, disk);
    const { spool, records } = await Spool.open(FOLDER, disk);
    const queue = new QueueSession({
      trigger: this.#trigger,
      notices: [],
      spool,
      records,
      source: this.#broker.source(life),
      sink: {
        address: "results",
        send: (results) =>
          life.act("results", () => {
            for (const { body } of results) this.#sent.add(Buffer.from(body).toString());
          }),
        [Symbol.asyncDispose]: async () => {},
      },
      run: (window, fresh) => this.#run(life, window, { spool, fresh }),
      locationOf: (file) => file,
      published: async (window) => this.#publishedOf(window),
      clock,
      random,
      log: silentLogger,
      signal: new AbortController().signal,
    });
    await queue.serve();
  }

  #isPublished(id: string): boolean {
    return [...this.published.values()].some((ids) => ids.includes(id));
  }

  /** Runs a window, which publishes once in spite of repeated starts. Every second run fails at first. */
  async #run(
    life: ProcessWorld,
    window: SpooledWindow,
    { spool, fresh }: { readonly spool: Spool; readonly fresh: boolean },
  ): Promise<DecidedRun> {
    const jobId = aJobId(window.id);
    const released = Promise.resolve();
    const failed = (error: Error): DecidedRun => ({
      ...{ outcome: "failed", jobId, released },
      failure: errorToData(error),
    });
    const read = this.#isFiles
      ? filesOf(window)
      : await rowsOf(life.disk, spool.rowsFile(window.id)).catch(messageOf);
    if (typeof read === "string") {
      this.lives.broken.push(`the rows of a window cannot be read: ${read}`);
      return failed(new Error(read));
    }
    // Detected while planning, before the run begins.
    if (this.#isFiles && read.includes(this.#dead)) {
      const problems = [{ where: this.#dead, what: "does not exist" }];
      return failed(new ShardmillError("INPUT_NOT_FOUND", "there is no such file", { problems }));
    }
    const what = JSON.stringify(read);
    const begun = fresh ? undefined : this.#begun.get(window.id);
    if (begun !== undefined && begun !== what)
      return failed(new ShardmillError("JOB_MISMATCH", "the input is another"));
    await life.act(`begin ${window.id}`, () => this.#begun.set(window.id, what));
    await sleepBy(life.clock, life.random.int(10, 500), NEVER);
    if (this.#failed.size % 2 === 0 && !this.#failed.has(window.id)) {
      this.#failed.add(window.id);
      return failed(new ShardmillError("MODEL_INVALID", "none"));
    }
    await life.act(`publish ${window.id}`, () => {
      this.#unreleased.add(window.id);
      if (!this.published.has(window.id))
        this.published.set(
          window.id,
          read.filter((id) => id !== this.#dead),
        );
    });
    const removed = sleepBy(life.clock, life.random.int(1, 100), NEVER).then(() => {
      this.#unreleased.delete(window.id);
    });
    return { outcome: "published", jobId, failure: null, released: removed };
  }

  #publishedOf(window: SpooledWindow): {
    failedKeys: FailedKeys;
    results: () => AsyncIterable<readonly { messageId: string; body: Uint8Array }[]>;
  } | null {
    const dead = new Map(window.left);
    const rows = dead.size === window.keys.length ? [] : this.published.get(window.id);
    if (rows === undefined) return null;
    if (!this.#isFiles) {
      const at = JSON.parse(this.#begun.get(window.id) ?? "[]").indexOf(this.#dead);
      if (at !== -1) dead.set(window.keys[at] ?? "", "ROW_NULL: none");
    }
    const results = async function* () {
      yield rows.map((id, row) => ({ messageId: `${window.id}/${row}`, body: Buffer.from(id) }));
    };
    return { failedKeys: dead, results };
  }

  /** Message that no run can map, or read. */
  get #dead(): string {
    return this.#isFiles ? "gone" : "poison";
  }

  get #isFiles(): boolean {
    return this.#trigger.message === "files";
  }

  /** True when each window has only the files with its keys. */
  get #areSettled(): boolean {
    return this.#names(FOLDER).every(
      (id) => this.#names(`${FOLDER}/${id}`).join() === "acknowledged.json,window.json",
    );
  }

  #names(path: string): string[] {
    const node = this.lives.image.lookUp(path);
    return node?.kind === "folder" ? [...node.names.keys()].sort() : [];
  }

  async #soon(what: string, isSo: () => boolean, limitMs = LIMIT_MS): Promise<void> {
    if (!(await this.lives.until(isSo, limitMs))) this.lives.broken.push(what);
  }

  #judge(): void {
    const { broken } = this.lives;
    const published = [...this.published.values()].flat().sort();
    const dead = IDS.filter((id) => id === "broken" || id === this.#dead);
    const others = IDS.filter((id) => !dead.includes(id)).sort();
    if (published.join() !== others.join()) broken.push(`${published} are published`);
    for (const id of dead)
      if (!this.#broker.deadLetters.some((one) => one.id === id)) broken.push(`${id} is not a dead letter`);
    for (const { id, reason } of this.#broker.deadLetters)
      if (!dead.includes(id)) broken.push(`${id} is a dead letter: ${reason}`);
    for (const id of others) if (!this.#sent.has(id)) broken.push(`the result of ${id} is not sent`);
  }
}

async function rowsOf(disk: Disk, path: string): Promise<string[]> {
  const ids = tableFromIPC(await disk.readFile(path)).getChild("id");
  return [...(ids ?? [])].map(String);
}
