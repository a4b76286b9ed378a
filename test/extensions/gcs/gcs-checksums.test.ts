import { afterAll, beforeAll, expect, test } from "vitest";
import { placeOf } from "../../../extensions/object-store/object-place.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import {
  type FaultyGcs,
  OBJECT,
  object,
  problem,
  says,
  startFaultyGcs,
  told,
  UPLOAD,
} from "../../support/faulty-gcs.ts";

let store: FaultyGcs;
beforeAll(async () => {
  store = await startFaultyGcs();
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

test("a copy keeps an existing object with the right checksum and replaces any other", async () => {
  const rewritten = says(200, JSON.stringify({ done: true }));
  const copied = async (there: string) => {
    const requested = store.answers(
      `${OBJECT}/rewriteTo/b/bucket/o/c`,
      problem(412, "conditionNotMet"),
      rewritten,
    );
    store.answers(OBJECT, says(200, JSON.stringify(told(Buffer.from("right")))));
    store.answers("/storage/v1/b/bucket/o/c", says(200, JSON.stringify(told(Buffer.from(there)))));
    await storage.copy(object, parseLocation("gs://bucket/c"), NEVER);
    return requested.map((each) => each.includes("ifGenerationMatch=0"));
  };
  await using storage = store.storage();
  expect(await copied("right")).toEqual([true]);
  expect(await copied("other")).toEqual([true, false]);
});

test("the SHA-256 of an object is returned only if its MD5 matches the recorded one", async () => {
  const { metadata, ...rest } = told(Buffer.from("right"));
  await using storage = store.storage();
  store.answers(OBJECT, says(200, JSON.stringify({ ...rest, metadata })));
  expect(await storage.checksums?.of(object, NEVER)).toEqual({ bytes: 5, sha256: sha256("right") });
  for (const other of [
    { ...rest, metadata, md5Hash: told(Buffer.from("other")).md5Hash },
    { ...rest, metadata: { "shardmill-sha256": sha256("right") } },
    { size: "5", generation: "7", metadata },
  ]) {
    store.answers(OBJECT, says(200, JSON.stringify(other)));
    expect(await storage.checksums?.of(object, NEVER)).toBeNull();
  }
});

test.each([
  [
    "refused for their MD5",
    problem(400, "invalid", "Provided MD5 hash does not match calculated MD5 hash"),
    true,
  ],
  ["accepted", says(200, JSON.stringify({ md5Hash: "x" })), false],
  ["refused for another reason", problem(400, "invalid", "no such header"), false],
] as const)(
  "support for MD5 checks is detected when bytes with a wrong MD5 are %s",
  async (_what, answer, expected) => {
    store.answers(UPLOAD, answer);
    using client = store.client();
    expect(await client.refusesOtherBytes(placeOf(object), NEVER)).toBe(expected);
  },
);

test("a check for MD5 support without permission to write fails with STORE_REFUSED", async () => {
  store.answers(UPLOAD, problem(403, "forbidden"));
  using client = store.client();
  await expect(client.refusesOtherBytes(placeOf(object), NEVER)).rejects.toMatchObject({
    code: "STORE_REFUSED",
  });
});
