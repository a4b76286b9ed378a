import { describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { workerSession } from "../../shared/domain/worker.ts";
import { fakeServices } from "../support/fake-services.ts";
import { aJobId } from "../support/ids.ts";
import * as any from "../support/wire-arbitraries.ts";
import { collect, sample, wireRig } from "../support/wire-rig.ts";

const session = workerSession("s1");

async function* yieldAll<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

test("a large piece of an upload is sent in chunks of at most 1 MiB", async () => {
  const services = fakeServices();
  await using rig = await wireRig(services);
  const received: Uint8Array[] = [];
  services.data.putPartialFile.mockImplementation(async (_header, chunks) => {
    received.push(...(await collect(chunks)));
  });
  const large = Buffer.alloc(3 << 20, "x");
  const header = { ...sample(any.putHeader), bytes: (3 << 20) + 3 };
  await rig.client.data.putPartialFile(header, yieldAll([large, Buffer.alloc(0), Buffer.from("end")]), NEVER);
  expect(Buffer.concat(received).equals(Buffer.concat([large, Buffer.from("end")]))).toBe(true);
  expect(Math.max(...received.map((chunk) => chunk.length))).toBeLessThanOrEqual(1 << 20);
});

describe("back-pressure", () => {
  const CHUNK = 512 * 1024;
  const MIB = 1 << 20;

  test("the server reads only a window ahead for a slow reader of 64 MiB", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    let pulled = 0;
    services.data.readRange.mockImplementation(async function* () {
      for (let at = 0; at < 64 * MIB; at += CHUNK) {
        pulled += CHUNK;
        yield Buffer.alloc(CHUNK);
      }
    });
    const range = { session, jobId: aJobId("j1"), path: "/a", start: 0, end: 64 * MIB };
    let taken = 0;
    for await (const chunk of rig.client.data.readRange(range, NEVER)) {
      taken += chunk.length;
      if (taken > 4 * CHUNK) continue;
      await settled(() => pulled);
      // The client's window of 4 MiB, the 16 messages that grpc-js reads ahead, and the sockets' buffers.
      expect(pulled - taken).toBeLessThan(20 * MIB);
    }
    expect(taken).toBe(64 * MIB);
  });

  test("the client reads only a window ahead for a slow upload target", async () => {
    const services = fakeServices();
    await using rig = await wireRig(services);
    let [pulled, taken] = [0, 0];
    services.data.putPartialFile.mockImplementation(async (_header, chunks) => {
      for await (const chunk of chunks) {
        taken += chunk.length;
        if (taken > 2 * CHUNK) continue;
        await settled(() => pulled);
        expect(pulled - taken).toBeLessThan(16 * MIB);
      }
    });
    const source = (async function* () {
      for (let at = 0; at < 48 * MIB; at += CHUNK) {
        pulled += CHUNK;
        yield Buffer.alloc(CHUNK);
      }
    })();
    await rig.client.data.putPartialFile({ ...sample(any.putHeader), bytes: 48 * MIB }, source, NEVER);
    expect(taken).toBe(48 * MIB);
  });
});

/** Resolves when `value` has not changed for a while. */
async function settled(value: () => number): Promise<void> {
  for (let last = -1, quiet = 0; quiet < 4; ) {
    quiet = value() === last ? quiet + 1 : 0;
    last = value();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
