import { describe, expect } from "vitest";
import { parseTriggered } from "../../../../extensions/serve/spec/parse-triggered.ts";
import type { QueueTrigger } from "../../../../extensions/serve/spec/queue-spec.ts";
import { present } from "../../../../shared/core/assert.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { siblingQueue } from "../../../../shared/domain/queue-address.ts";
import { needs } from "../../../support/needs.ts";

const ADDRESS = "amqp://reviews:s3cret@rabbit:5671/shop/reviews";
const COLUMNS = { id: "string", price: "float64" };

function read(trigger: object, more: object = {}) {
  const job = { model: { path: "m.onnx" }, output: { path: "out" }, trigger, ...more };
  return parseTriggered(JSON.stringify(job), { path: "/jobs/job.yaml", set: [], env: {} }, 0);
}

function triggerOf(trigger: object): QueueTrigger {
  const read_ = present(read(trigger).trigger, "the job has a trigger");
  if (read_.kind !== "queue") throw new Error(`the trigger is of kind ${read_.kind}`);
  return read_;
}

function problemsOf(trigger: object): string[] {
  try {
    read(trigger);
  } catch (error) {
    if (!isShardmillError(error)) throw error;
    expect(JSON.stringify([error.problems, error.message, error.fields])).not.toContain("s3cret");
    return error.problems.map(({ where, what }) => `${where.split(" ").at(-1)} ${what}`);
  }
  return [];
}

describe("a trigger of messages", () => {
  needs("amqp")("a trigger of messages needs no input and has defaults", () => {
    const trigger = triggerOf({ queue: ADDRESS, columns: COLUMNS });
    expect(trigger).toMatchObject({
      message: "row",
      window: { rows: 5_000, bytes: 32 << 20, ms: 5_000, open: 2 },
      key: null,
      rememberMs: 86_400_000,
      deadLetters: null,
    });
    expect([...trigger.columns.keys()]).toEqual(["id", "price"]);
  });

  needs("amqp", "kafka")("other queues are given by name on the same broker, or by a full address", () => {
    const results = "kafka://k:9092/results";
    expect(triggerOf({ queue: ADDRESS, columns: COLUMNS, results }).results).toBe(results);
    expect(triggerOf({ queue: ADDRESS, columns: COLUMNS, deadLetters: "aside" }).deadLetters).toBe(
      "amqp://reviews:s3cret@rabbit:5671/shop/aside",
    );
  });

  needs("amqp")("the spec of a run does not contain the password of the queue", () => {
    const job = read({ queue: ADDRESS, columns: COLUMNS }).runAt({ atMs: 0, id: "" }).spec;
    expect(JSON.stringify(job)).not.toContain("s3cret");
  });

  needs("amqp", "sqs")("each fault of a trigger is reported without the password", () => {
    const given = { queue: ADDRESS, columns: COLUMNS };
    expect(problemsOf({ ...given, queue: "amqp://reviews:s3cret@rabbit" })).toEqual([
      "trigger.queue is not the address of a queue",
    ]);
    expect(problemsOf({ queue: ADDRESS })).toEqual(["trigger.columns is missing"]);
    expect(problemsOf({ ...given, key: "name" })).toEqual(["trigger.key is not among `columns`"]);
    expect(problemsOf({ ...given, message: "rows", key: "id" })).toEqual([
      "trigger.key is for messages of one row",
    ]);
    expect(problemsOf({ ...given, message: "files" })).toEqual([
      "trigger.columns `message: files` and `columns` exclude each other",
    ]);
    expect(problemsOf({ ...given, deadLetters: "kafka://k/aside" })).toEqual([
      "trigger.deadLetters is on a broker of another kind",
    ]);
    expect(problemsOf({ ...given, catchUp: "all" })).toEqual([
      "trigger.catchUp `queue` and `catchUp` exclude each other",
    ]);
    expect(problemsOf({ every: "1h", columns: COLUMNS })).toContain(
      "trigger.columns `every` and `columns` exclude each other",
    );
    expect(problemsOf({ ...given, window: { bytes: "2TiB" } })).toEqual([
      "trigger.window.bytes is not a window size",
    ]);
  });
});

needs("amqp")("queueBeside resolves a name on the same broker and keeps a full address", () => {
  expect(siblingQueue("https://sqs/1/reviews", "aside")).toBe("https://sqs/1/aside");
  expect(siblingQueue("https://sqs/1/reviews", "a/b")).toBeNull();
  expect(siblingQueue("https://sqs/1/reviews", "kafka://b/topic")).toBe("kafka://b/topic");
  expect(siblingQueue("amqps://u:p@h/v/q?cacertfile=/etc/ca.pem", "aside")).toBe(
    "amqps://u:p@h/v/aside?cacertfile=/etc/ca.pem",
  );
});
