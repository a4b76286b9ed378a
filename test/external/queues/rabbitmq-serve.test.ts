import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { SeededRandom } from "../../../sim/seeded-random.ts";
import { JobFolder } from "../../support/job-folder.ts";
import { until } from "../../support/job-processes.ts";
import { query } from "../../support/known-answer.ts";
import { type CliProcess, runCli, startCli } from "../../support/processes.ts";
import type { Broker } from "../../support/queues/broker.ts";
import { hasRabbitMq, startRabbitMq } from "../../support/queues/rabbitmq-broker.ts";
import { aRow, isSettled, leftIn, publishedIds, queueJob } from "../../support/queues/served-queue.ts";

/** Limit for real processes on a slow machine, which ends hanging ones. */
const LIMIT_MS = 900_000;
let broker: Broker;

const serve = (job: JobFolder): CliProcess =>
  startCli(["serve", job.job, "--workers", "1", "--listen", "127.0.0.1:0"], { limitMs: LIMIT_MS });

async function stopped(process: CliProcess): Promise<void> {
  process.kill("SIGTERM");
  expect((await process.ended).code).toBe(130);
}

describe.skipIf(!hasRabbitMq)("serve with a queue of RabbitMQ", () => {
  beforeAll(async () => {
    broker = await startRabbitMq();
  }, LIMIT_MS);
  afterAll(() => broker?.[Symbol.asyncDispose](), LIMIT_MS);

  test("a repeatedly killed process loses no message and publishes none twice", {
    timeout: LIMIT_MS,
  }, async () => {
    const queue = await broker.makeQueue();
    await using job = await queueJob(queue);
    const random = new SeededRandom(12);
    let sent = 0;
    for (let life = 0; life < 6; life += 1) {
      await using process = serve(job);
      await process.saw(/serving 1 job/);
      const before = (await publishedIds(job)).size;
      for (let part = 0; part < 5; part += 1) {
        const ids = Array.from({ length: 40 }, (_, index) => sent + index);
        sent += ids.length;
        // Some twice, and some that were sent long ago.
        const again = ids.filter(() => random.int(0, 3) === 0).concat(random.int(0, sent - 1));
        await queue.send([...ids, ...again].map(aRow));
      }
      await until("a window", async () => ((await publishedIds(job)).size > before ? true : null), LIMIT_MS);
      await new Promise((resolve) => setTimeout(resolve, random.int(0, 2_000)));
      process.killGroup("SIGKILL");
      await process.ended.catch(() => {});
    }
    await using last = serve(job);
    // The previous process may have acknowledged everything. This one is stopped only once it handles
    // signals.
    await last.saw(/serving 1 job/);
    await until("all keys", async () => ((await publishedIds(job)).size >= sent ? true : null), LIMIT_MS);
    await until("the end", async () => ((await isSettled(job)) ? true : null), LIMIT_MS);
    await stopped(last);
    const found = await publishedIds(job);
    expect([...found.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, id) => id));
    expect(new Set(found.values())).toEqual(new Set([1]));
    expect(await leftIn(queue)).toBe(0);
    const results = (await queue.takeResults()).map(({ body }) => JSON.parse(body).id as number);
    expect(new Set(results).size).toBe(sent);
    expect(await queue.takeAside()).toEqual([]);
  });

  test("no message is lost or published twice when the broker is killed while it receives messages", {
    timeout: LIMIT_MS,
  }, async () => {
    const queue = await broker.makeQueue();
    await using job = await queueJob(queue);
    await using process = serve(job);
    await process.saw(/a queue is served/);
    let sent = 0;
    for (let round = 0; round < 2; round += 1) {
      const ids = Array.from({ length: 450 }, (_, index) => sent + index);
      sent += ids.length;
      await queue.send(ids.map(aRow));
      await broker.kill();
      await broker.restart();
    }
    await queue.send([sent].map(aRow));
    sent += 1;
    await until("all keys", async () => ((await publishedIds(job)).size >= sent ? true : null), LIMIT_MS);
    await until("the end", async () => ((await isSettled(job)) ? true : null), LIMIT_MS);
    await stopped(process);
    const found = await publishedIds(job);
    expect(found.size).toBe(sent);
    expect(new Set(found.values())).toEqual(new Set([1]));
    expect(await leftIn(queue)).toBe(0);
  });

  test("messages that cannot be read or mapped are dead-lettered with the reason, and the rest run", {
    timeout: LIMIT_MS,
  }, async () => {
    const queue = await broker.makeQueue();
    await using job = await queueJob(queue);
    const short = JSON.stringify({ id: 7, x: [1, 2] });
    const bodies = [aRow(0), "{", '{"id": "one", "x": []}', aRow(1), short, '{"x": [1, 2, 3, 4]}', aRow(2)];
    await queue.send(bodies);
    await using process = serve(job);
    await until("rows", async () => ((await publishedIds(job)).size === 3 ? true : null), LIMIT_MS);
    await until("the end", async () => ((await isSettled(job)) ? true : null), LIMIT_MS);
    await stopped(process);
    expect(process.stderr).not.toContain("guest:guest");
    const aside = await queue.takeAside();
    const reasons = new Map(aside.map(({ body, about }) => [body, about.reason]));
    expect(aside).toHaveLength(4);
    expect(reasons.get("{")).toMatch(/^MESSAGE_INVALID: /);
    expect(reasons.get('{"id": "one", "x": []}')).toMatch(/^MESSAGE_INVALID: .*id/);
    expect(reasons.get('{"x": [1, 2, 3, 4]}')).toMatch(/^MESSAGE_INVALID: .*id/);
    expect(reasons.get(short)).toMatch(/^ROW_LENGTH: /);
    const results = await queue.takeResults();
    expect(results.map(({ body }) => Object.keys(JSON.parse(body) as object))).toEqual(
      Array.from({ length: 3 }, () => ["id", "best"]),
    );
    const { stdout } = await runCli(["runs", job.job, "--json"]);
    const { runs } = JSON.parse(stdout) as { runs: { state: string; rows: number; deadLetters: number }[] };
    expect(runs.map(({ state, rows, deadLetters }) => [state, rows, deadLetters])).toEqual([
      ["published", 3, 1],
    ]);
  });

  test("a window whose run fails is reported, and is published after the repair", {
    timeout: LIMIT_MS,
  }, async () => {
    const queue = await broker.makeQueue();
    await using job = await queueJob(queue);
    const model = await readFile(job.at("model.onnx"));
    await job.write("model.onnx", "none");
    await queue.send([aRow(1), aRow(2)]);
    await using process = serve(job);
    await process.saw(/the run of a window has failed/);
    const { stdout } = await runCli(["runs", job.job]);
    expect(stdout).toMatch(/failed.*2 messages, failed 1 times, will be retried: MODEL_INVALID/);
    await job.write("model.onnx", model);
    await until("rows", async () => ((await publishedIds(job)).size === 2 ? true : null), LIMIT_MS);
    await stopped(process);
  });

  test("a missing queue is reported, and the process keeps running", { timeout: LIMIT_MS }, async () => {
    const queue = await broker.makeQueue();
    await using job = await queueJob({ ...queue, address: `${queue.address}-none` });
    await using process = serve(job);
    await process.saw(/QUEUE_FAILED/);
    expect(process.stderr).not.toContain("guest:guest");
    await stopped(process);
  });

  test("the example over a queue classifies most digits correctly", { timeout: LIMIT_MS }, async () => {
    const { address } = await broker.makeQueue();
    const server = address.replace(/\/[^/]*$/, "");
    const examples = join(packageRoot, "examples");
    await promisify(execFile)(process.execPath, [join(examples, "queues", "send.mjs"), "700", server]);
    await using job = await JobFolder.make({ files: 0 });
    const example = await readFile(join(examples, "queues", "digits.yaml"), "utf8");
    await job.write("job.yaml", example.replace("../digits", join(examples, "digits")));
    const env = { QUEUE: `${server}/digits` };
    await using served = startCli(["serve", job.job, "--workers", "1", "--listen", "127.0.0.1:0"], {
      limitMs: LIMIT_MS,
      env,
    });
    await until("digits", async () => ((await publishedIds(job)).size === 700 ? true : null), LIMIT_MS);
    await until("the end", async () => ((await isSettled(job)) ? true : null), LIMIT_MS);
    await stopped(served);
    const rows = `read_parquet('${job.out}/run=*/rows/*.parquet')`;
    const [[right] = []] = await query(`SELECT avg((digit = label)::INT) FROM ${rows}`);
    expect(right).toBeGreaterThan(0.95);
  });
});
