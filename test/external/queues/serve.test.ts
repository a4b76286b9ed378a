import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { encodeParquet } from "../../../shared/dataset/encode.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { type JobFolder, numberedRows } from "../../support/job-folder.ts";
import { until } from "../../support/job-processes.ts";
import { type CliProcess, startCli } from "../../support/processes.ts";
import { startKafka } from "../../support/queues/kafka-broker.ts";
import { aRow, publishedIds, queueJob } from "../../support/queues/served-queue.ts";
import { type SqsBroker, startElasticMq } from "../../support/queues/sqs-broker.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

/** Limit for real processes on a slow machine, which ends hanging ones. */
const LIMIT_MS = 280_000;

const serve = (job: JobFolder, env: Readonly<Record<string, string>>): CliProcess =>
  startCli(["serve", job.job, "--workers", "1", "--listen", "127.0.0.1:0"], { limitMs: LIMIT_MS, env });

const AWS = { AWS_ACCESS_KEY_ID: "x", AWS_SECRET_ACCESS_KEY: "x", AWS_REGION: "us-east-1" };

describe.each([
  ["SQS", startElasticMq],
  ["Kafka", startKafka],
] as const)("serve with a queue of %s", (_name, start) => {
  let broker: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    broker = await start();
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
  });

  test("a restarted process publishes each key once, dead-letters unreadable messages, and sends results", {
    timeout: LIMIT_MS,
  }, async () => {
    const queue = await broker.makeQueue();
    await using job = await queueJob(queue);
    const ids = Array.from({ length: 250 }, (_, id) => id);
    await queue.send([...ids.map(aRow), '{"id": "many"}', ...ids.slice(0, 20).map(aRow)]);
    {
      await using killed = serve(job, AWS);
      await until("a window", async () => ((await publishedIds(job)).size > 0 ? true : null), LIMIT_MS);
      killed.killGroup("SIGKILL");
      await killed.ended.catch(() => {});
    }
    await using process = serve(job, AWS);
    await queue.send([aRow(250)]);
    await until("all keys", async () => ((await publishedIds(job)).size === 251 ? true : null), LIMIT_MS);
    const results = new Set<number>();
    await until(
      "all results",
      async () => {
        for (const { body } of await queue.takeResults())
          results.add((JSON.parse(body) as { id: number }).id);
        return results.size === 251 ? true : null;
      },
      LIMIT_MS,
    );
    process.kill("SIGTERM");
    expect((await process.ended).code).toBe(130);
    expect(new Set((await publishedIds(job)).values())).toEqual(new Set([1]));
    const aside = await queue.takeAside();
    expect(aside.length).toBeGreaterThan(0);
    for (const { body, about } of aside) {
      expect(body).toBe('{"id": "many"}');
      expect(about.reason).toContain("MESSAGE_INVALID");
    }
  });
});

describe("serve with messages that name files", () => {
  let broker: SqsBroker;
  let server: S3Server;
  beforeAll(async () => {
    [broker, server] = await Promise.all([startElasticMq(), startS3Server()]);
    await server.makeBucket("bucket");
  });
  afterAll(async () => {
    await broker?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test("an S3 event starts one run over its object, also when it is delivered twice", {
    timeout: LIMIT_MS,
  }, async () => {
    const queue = await broker.makeQueue();
    await using job = await queueJob(queue, { message: "files" });
    const storage = server.storage();
    const put = async (key: string, first: number) => {
      const bytes = encodeParquet(numberedRows(first, 30));
      await storage.put(parseLocation(`s3://bucket/${key}`), sourceOfBytes(bytes), { signal: NEVER });
      const name = encodeURIComponent(key).replaceAll("%2F", "/").replaceAll("%20", "+");
      const object = { key: name, size: bytes.length, eTag: "e", sequencer: String(first) };
      const s3 = { bucket: { name: "bucket" }, object };
      return JSON.stringify({ Records: [{ eventSource: "aws:s3", eventName: "ObjectCreated:Put", s3 }] });
    };
    const test = JSON.stringify({ Service: "Amazon S3", Event: "s3:TestEvent", Bucket: "bucket" });
    const first = await put("in/a part [1].parquet", 0);
    await queue.send([test, first, JSON.stringify({ Records: [{}] })]);
    await using process = serve(job, { ...server.env });
    await until("a run", async () => ((await publishedIds(job)).size === 30 ? true : null), LIMIT_MS);
    // Reported twice, as S3 may: with another message id.
    await queue.send([first, await put("in/b.parquet", 30)]);
    await until("two runs", async () => ((await publishedIds(job)).size === 60 ? true : null), LIMIT_MS);
    process.kill("SIGTERM");
    expect((await process.ended).code).toBe(130);
    expect(new Set((await publishedIds(job)).values())).toEqual(new Set([1]));
    expect(await queue.takeAside()).toMatchObject([{ body: '{"Records":[{}]}' }]);
    await storage[Symbol.asyncDispose]();
  });

  test("messages of missing or damaged files are dead-lettered, and the other files are published", {
    timeout: LIMIT_MS,
  }, async () => {
    const queue = await broker.makeQueue();
    await using job = await queueJob(queue, { message: "files" });
    const good = await job.write("good.parquet", encodeParquet(numberedRows(0, 30)));
    const damaged = await job.write("damaged.parquet", encodeParquet(numberedRows(30, 30)).subarray(0, 400));
    const gone = join(job.path, "gone.parquet");
    await queue.send([good, damaged, gone].map((path) => JSON.stringify({ path })));
    await using process = serve(job, { ...server.env });
    await until("a run", async () => ((await publishedIds(job)).size === 30 ? true : null), LIMIT_MS);
    const aside = new Map<string, string>();
    await until(
      "dead-lettered messages",
      async () => {
        for (const { body, about } of await queue.takeAside())
          aside.set((JSON.parse(body) as { path: string }).path, about.reason ?? "");
        return aside.size === 2 ? true : null;
      },
      LIMIT_MS,
    );
    process.kill("SIGTERM");
    expect((await process.ended).code).toBe(130);
    expect(aside.get(gone)).toMatch(/^INPUT_NOT_FOUND: /);
    expect(aside.get(damaged)).toMatch(/^INPUT_CORRUPT: /);
  });
});
