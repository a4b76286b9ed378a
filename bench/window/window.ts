import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { CommandModule } from "yargs";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { JobFolder } from "../../test/support/job-folder.ts";
import { startCli } from "../../test/support/processes.ts";
import type { TestQueue } from "../../test/support/queues/broker.ts";
import { hasRabbitMq, startRabbitMq } from "../../test/support/queues/rabbitmq-broker.ts";
import { median, note, report } from "../report/report.ts";
import { amqpOf, type Load, type Measured, measure, type Window } from "./measure.ts";
import { hasRay, RAY_SETUP, rayServe } from "./ray-serve.ts";

interface WindowArguments extends Load {
  readonly rows: readonly number[];
  readonly "window-seconds": number;
  readonly rounds: number;
}

/** Limit of the real processes, which ends hanging ones. */
const LIMIT_MS = 1_800_000;

export const windowBench: CommandModule<object, WindowArguments> = {
  command: "window",
  describe: "Messages of RabbitMQ in windows: rate and latency, against a hand-written loop and Ray Serve",
  builder: (yargs) =>
    yargs
      .option("rows", {
        type: "number",
        array: true,
        default: [100, 1_000, 5_000],
        describe: "Rows of a window",
      })
      .option("window-seconds", { type: "number", default: 0.5, describe: "Seconds of a window" })
      .option("burst", { type: "number", default: 20_000, describe: "Messages of the burst" })
      .option("rate", { type: "number", default: 200, describe: "Messages a second, at a steady pace" })
      .option("seconds", { type: "number", default: 20, describe: "Seconds of the steady pace" })
      .option("rounds", { type: "number", default: 1, describe: "Rounds. Each runs all variants once" }),
  handler: runWindow,
};

type Contestant = (queue: TestQueue, window: Window) => Promise<AsyncDisposable>;

async function runWindow(args: WindowArguments): Promise<void> {
  const { rows: sizes, "window-seconds": seconds, burst, rate, seconds: paced, rounds } = args;
  if (!hasRabbitMq) throw new Error("RabbitMQ is missing: the package rabbitmq-server of Debian has it");
  const load = { burst, rate, seconds: paced };
  const contestants: [string, Contestant][] = [
    ["shardmill serve", serve],
    ["hand-written loop", loop],
  ];
  if (hasRay())
    contestants.push(
      ["Ray Serve, by its handle", rayServe("handle")],
      ["Ray Serve, in the replica", rayServe("replica")],
    );
  const skipped = hasRay() ? [] : [`Ray Serve is skipped: ${RAY_SETUP} installs it`];
  for (const text of skipped) note(text);
  await using broker = await startRabbitMq();
  const entries = sizes.flatMap((rows) =>
    contestants.map(([by, work]) => ({ rows, by, work, found: [] as Measured[] })),
  );
  // Each round runs all entries, so that other load on the machine affects all of them.
  for (let round = 1; round <= rounds; round += 1) {
    for (const { rows, by, work, found } of entries) {
      const queue = await broker.makeQueue();
      await using _worked = await work(queue, { rows, seconds });
      const measured = await measure(queue, load);
      const { messagesPerSecond, p50Ms, p99Ms } = measured;
      note(
        `round ${round}, windows of ${rows}, ${by}: ${messagesPerSecond} messages/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms`,
      );
      found.push(measured);
    }
  }
  report({
    bench: "window",
    about: "messages from RabbitMQ (quorum queues) through a tiny model to messages, one worker on the CPU",
    options: { rows: sizes, windowSeconds: seconds, ...load, rounds },
    table: {
      columns: ["window rows", "by", "messages/s of the burst", "p50 ms", "p99 ms"],
      rows: entries.map(({ rows, by, found }) => [
        rows,
        by,
        spread(found.map(({ messagesPerSecond }) => messagesPerSecond)),
        spread(found.map(({ p50Ms }) => p50Ms)),
        spread(found.map(({ p99Ms }) => p99Ms)),
      ]),
    },
    notes: [
      "p50 and p99 are from sending to the arrival of the result at the steady pace, including the window",
      "the loop and Ray Serve keep no state: after a kill they send results twice, and they write no files",
      ...skipped,
    ],
  });
}

/** Returns the median of the rounds, with their range. */
function spread(values: readonly number[]): string {
  const middle = String(Math.round(median(values)));
  if (values.length === 1) return middle;
  return `${middle} (${Math.round(Math.min(...values))} to ${Math.round(Math.max(...values))})`;
}

async function serve(queue: TestQueue, { rows, seconds }: Window): Promise<AsyncDisposable> {
  const spec = {
    trigger: {
      queue: queue.address,
      columns: { id: "int64", x: "float32[]" },
      window: { rows, seconds, open: 2 },
      key: "id",
      results: queue.results,
    },
    input: {},
    reduce: {},
    map: {
      inputs: { input: "x" },
      outputs: { best: { tensor: "logits", op: "argmax" } },
      keep: ["id"],
      batch: { rows: "auto" },
    },
  };
  const job = await JobFolder.make({ files: 0, spec });
  const process = startCli(["serve", job.job, "--workers", "1", "--listen", "127.0.0.1:0"], {
    limitMs: LIMIT_MS,
  });
  await process.saw(/a queue is served/);
  return {
    async [Symbol.asyncDispose]() {
      process.kill("SIGTERM");
      await process.ended;
      await job[Symbol.asyncDispose]();
    },
  };
}

async function loop(queue: TestQueue, { rows, seconds }: Window): Promise<AsyncDisposable> {
  const job = await JobFolder.make({ files: 0 });
  const { server, queue: name } = amqpOf(queue.address);
  const script = fileURLToPath(compiledUrl("bench/window/loop-process.ts"));
  const args = [script, server, name, amqpOf(queue.results).queue, job.at("model.onnx"), String(rows)];
  const child = spawn(process.execPath, [...args, String(seconds * 1_000)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await once(child, "exit");
      await job[Symbol.asyncDispose]();
    },
  };
}
