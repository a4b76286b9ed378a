import { NEVER, sleep } from "../shared/core/abort.ts";
import type { SeededRandom } from "../sim/seeded-random.ts";
import type { JobFolder } from "../test/support/job-folder.ts";
import { ask } from "../test/support/job-processes.ts";
import { type CliProcess, startCli } from "../test/support/processes.ts";
import type { Broker, TestQueue } from "../test/support/queues/broker.ts";
import { aRow, isSettled, leftIn, publishedIds, queueJob } from "../test/support/queues/served-queue.ts";

/** Faults in their order, which repeats. */
export const SOAK_FAULTS = [
  "serveKilled",
  "workerKilled",
  "brokerKilled",
  "lineCut",
  "serveTerminated",
  "workerStopped",
] as const;
type SoakFault = (typeof SOAK_FAULTS)[number];

const DAY_MS = 86_400_000;
/** Time within which all messages must be published, with or without kills. */
const COUNT_LIMIT_MS = 1_200_000;
const CUT_MS = 3_000;
/** Longer than a lease of 30 s. */
const STOPPED_MS = 40_000;

/** A served queue, its senders, and the faults that strike it. */
export class QueueSoak implements AsyncDisposable {
  readonly #broker: Broker;
  readonly #queue: TestQueue;
  readonly #job: JobFolder;
  readonly #random: SeededRandom;
  readonly #fired = new Map<SoakFault, number>();
  readonly #poison = new Set<string>();
  #serve: CliProcess;
  #isSending = true;
  #published = 0;
  /** Ids from 0 to here were sent, each at least once. */
  keys = 0;
  /** Number of messages, including repeated and unreadable ones. */
  sent = 0;

  private constructor(broker: Broker, queue: TestQueue, job: JobFolder, random: SeededRandom) {
    this.#broker = broker;
    this.#queue = queue;
    this.#job = job;
    this.#random = random;
    this.#serve = this.#start();
  }

  static async start(broker: Broker, random: SeededRandom): Promise<QueueSoak> {
    const queue = await broker.makeQueue();
    return new QueueSoak(broker, queue, await queueJob(queue), random);
  }

  /**
   * Sends rows, repeats some of them, and sometimes sends an unreadable message, until the end of sending.
   */
  async send(): Promise<void> {
    const random = this.#random;
    while (this.#isSending) {
      const ids = Array.from({ length: random.int(1, 40) }, (_, index) => this.keys + index);
      const again = ids.filter(() => random.int(0, 5) === 0).concat(random.int(0, this.keys));
      const bodies = [...ids, ...again].map(aRow);
      if (random.int(0, 30) === 0) bodies.push(this.#poisonous());
      // A killed broker has accepted an unknown part, so all are sent again.
      for (;;) {
        const isSent = await this.#queue.send(bodies).then(
          () => true,
          () => false,
        );
        this.sent += bodies.length;
        if (isSent) break;
        await sleep(500, NEVER);
      }
      this.keys += ids.length;
      await sleep(random.int(100, 1_500), NEVER);
    }
  }

  async endSending(sending: Promise<void>): Promise<void> {
    this.#isSending = false;
    await sending;
  }

  /** @returns a description of the effect */
  async fault(kind: SoakFault): Promise<string> {
    const what = await this.#inject(kind);
    this.#fired.set(kind, (this.#fired.get(kind) ?? 0) + 1);
    return what;
  }

  /**
   * Waits until all messages are published and acknowledged.
   *
   * @returns the problems
   */
  async count(): Promise<string[]> {
    const ends = performance.now() + COUNT_LIMIT_MS;
    while ((await publishedIds(this.#job)).size < this.keys || !(await isSettled(this.#job))) {
      if (performance.now() > ends) break;
      await sleep(2_000, NEVER);
    }
    this.#serve.kill("SIGTERM");
    const { code } = await this.#serve.ended;
    const found = await publishedIds(this.#job);
    this.#published = found.size;
    const lost = Array.from({ length: this.keys }, (_, id) => id).filter((id) => !found.has(id));
    const twice = [...found].filter(([, times]) => times !== 1);
    const left = await leftIn(this.#queue);
    const aside = new Set((await this.#queue.takeAside()).map(({ body }) => body));
    const results = new Set(
      (await this.#queue.takeResults()).map(({ body }) => JSON.parse(body).id as number),
    );
    return [
      ...(code === 130 ? [] : [`serve ended with ${code}`]),
      ...(lost.length === 0 ? [] : [`${lost.length} keys are lost: ${lost.slice(0, 10)}`]),
      ...(twice.length === 0 ? [] : [`${twice.length} keys are published twice: ${twice.slice(0, 10)}`]),
      ...(left === 0 ? [] : [`${left} messages are left in the queue`]),
      ...(results.size === found.size ? [] : [`${results.size} keys have results`]),
      ...[...this.#poison].filter((body) => !aside.has(body)).map((body) => `not dead-lettered: ${body}`),
      ...[...aside].filter((body) => !this.#poison.has(body)).map((body) => `dead-lettered: ${body}`),
    ];
  }

  told(): string {
    const fired = SOAK_FAULTS.map((kind) => `${kind} ${this.#fired.get(kind) ?? 0}`).join(", ");
    return `${this.sent} messages, ${this.keys} keys, ${this.#poison.size} that cannot be read; ${this.#published} keys published\n${fired}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isSending = false;
    await this.#serve[Symbol.asyncDispose]();
    await this.#job[Symbol.asyncDispose]();
  }

  async #inject(kind: SoakFault): Promise<string> {
    switch (kind) {
      case "serveKilled":
        return await this.#startAgain(() => this.#serve.killGroup("SIGKILL"));
      case "serveTerminated":
        return await this.#startAgain(() => this.#serve.kill("SIGTERM"));
      case "brokerKilled":
        await this.#broker.kill();
        await this.#broker.restart();
        return "and back";
      case "lineCut":
        this.#broker.relay.cut();
        await sleep(CUT_MS, NEVER);
        this.#broker.relay.mend();
        return `for ${CUT_MS / 1_000} s`;
      case "workerKilled": {
        const pid = await this.#workerPid();
        process.kill(pid, "SIGKILL");
        return `process ${pid}`;
      }
      case "workerStopped": {
        const pid = await this.#workerPid();
        process.kill(pid, "SIGSTOP");
        await sleep(STOPPED_MS, NEVER);
        process.kill(pid, "SIGCONT");
        return `process ${pid}, for ${STOPPED_MS / 1_000} s`;
      }
      default:
        return kind satisfies never;
    }
  }

  async #startAgain(end: () => void): Promise<string> {
    end();
    const { code, signal } = await this.#serve.ended;
    this.#serve = this.#start();
    return `ended with ${code ?? signal}, and restarted`;
  }

  #start(): CliProcess {
    const args = ["serve", this.#job.job, "--workers", "1", "--listen", "127.0.0.1:0"];
    return startCli(args, { limitMs: DAY_MS });
  }

  async #workerPid(): Promise<number> {
    const [, address = ""] = await this.#serve.saw(/coordinator on (\S+)/);
    const workers = await ask(address, (client) => client.workers.listWorkers(NEVER));
    const [worker] = workers;
    if (worker === undefined) throw new Error("no worker has joined");
    return worker.pid;
  }

  #poisonous(): string {
    const body = `{"id": "none ${this.#poison.size}"}`;
    this.#poison.add(body);
    return body;
  }
}
