import { once } from "node:events";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { type ErrorData, ShardmillError } from "../../../../shared/core/errors.ts";
import type { TensorData } from "../../../../shared/domain/tensor.ts";
import type { Session } from "../../../../shared/onnx/session.ts";
import { LaneLoop } from "../../../../worker/lanes/lane-loop.ts";
import { buffersOf, type InferReply, type InferRequest } from "../../../../worker/lanes/lane-protocol.ts";

type Feeds = Readonly<Record<string, TensorData>>;

/** Returns a session that runs `run`. */
function aSession(run: Session["run"]): Session & { released: boolean } {
  return {
    signature: { inputs: [], outputs: [], unusable: [] },
    run,
    released: false,
    async [Symbol.asyncDispose]() {
      this.released = true;
    },
  };
}

function aTensor(...values: number[]): TensorData {
  return { dtype: "float32", dims: [values.length], data: Float32Array.from(values).buffer };
}

async function reply(port: MessagePort): Promise<InferReply> {
  const [message] = await once(port, "message");
  return message;
}

function ask(port: MessagePort, id: number, feeds: Feeds): void {
  const request: InferRequest = { id, feeds, outputs: ["y"], runs: null };
  port.postMessage(request, buffersOf(feeds));
}

test("requests of two ports run one at a time, and each reply goes to its own port", async () => {
  let running = 0;
  const loop = new LaneLoop(
    aSession(async ({ x }) => {
      running += 1;
      expect(running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return { y: { dtype: "float32", dims: [1], data: x?.data.slice(0) ?? new ArrayBuffer(0) } };
    }),
    () => {},
  );
  const [a, b] = [new MessageChannel(), new MessageChannel()];
  loop.serve(a.port2);
  loop.serve(b.port2);
  ask(a.port1, 1, { x: aTensor(10) });
  ask(b.port1, 1, { x: aTensor(20) });
  const [fromA, fromB] = await Promise.all([reply(a.port1), reply(b.port1)]);
  const value = (from: InferReply) =>
    from.kind === "done" ? new Float32Array(from.outputs.y?.data ?? new ArrayBuffer(0))[0] : from.error;
  expect([value(fromA), value(fromB)]).toEqual([10, 20]);
  await loop.close();
});

test("a lost device fails its batch and is reported to the owner", async () => {
  const lost: ErrorData[] = [];
  const session = aSession(async () => {
    throw new ShardmillError("WORKER_LOST", "cuda stopped working");
  });
  const loop = new LaneLoop(session, (error) => lost.push(error));
  const { port1, port2 } = new MessageChannel();
  loop.serve(port2);
  ask(port1, 4, { x: aTensor(1) });
  expect(await reply(port1)).toMatchObject({ id: 4, kind: "failed", error: { code: "WORKER_LOST" } });
  expect(lost).toMatchObject([{ code: "WORKER_LOST" }]);
  await loop.close();
});

test("two inputs over one buffer, and an output over the same buffer, are returned", async () => {
  const loop = new LaneLoop(
    aSession(async ({ x }) => ({ y: x ?? aTensor() })),
    () => {},
  );
  const { port1, port2 } = new MessageChannel();
  loop.serve(port2);
  const shared = aTensor(1, 2);
  ask(port1, 1, { x: shared, z: shared });
  const answer = await reply(port1);
  expect(answer.kind === "done" && answer.outputs.y?.data.byteLength).toBe(8);
  await loop.close();
});

test("closing finishes the current batch, answers no later one, and releases the session", async () => {
  const [started, finish] = [deferred<void>(), deferred<void>()];
  const ran: number[] = [];
  const session = aSession(async ({ x }) => {
    ran.push(new Float32Array(x?.data ?? new ArrayBuffer(0))[0] ?? Number.NaN);
    started.resolve();
    await finish.promise;
    return { y: aTensor(1) };
  });
  const loop = new LaneLoop(session, () => {});
  const { port1, port2 } = new MessageChannel();
  const replies: InferReply[] = [];
  port1.on("message", (message) => replies.push(message));
  loop.serve(port2);
  ask(port1, 1, { x: aTensor(1) });
  ask(port1, 2, { x: aTensor(2) });
  await started.promise;
  const closed = loop.close();
  const portClosed = once(port1, "close");
  finish.resolve();
  await Promise.all([closed, portClosed]);
  expect(ran).toEqual([1]);
  expect(replies.map(({ id }) => id)).toEqual([1]);
  expect(session.released).toBe(true);
});
