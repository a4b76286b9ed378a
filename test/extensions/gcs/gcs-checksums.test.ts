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

test("a copy leaves what is right as it is, and replaces what is not", async () => {
  const rewritten = says(200, JSON.stringify({ done: true }));
  const copied = async (there: string) => {
    const asked = store.answers(
      `${OBJECT}/rewriteTo/b/bucket/o/c`,
      problem(412, "conditionNotMet"),
      rewritten,
    );
    store.answers(OBJECT, says(200, JSON.stringify(told(Buffer.from("right")))));
    store.answers("/storage/v1/b/bucket/o/c", says(200, JSON.stringify(told(Buffer.from(there)))));
    await storage.copy(object, parseLocation("gs://bucket/c"), NEVER);
    return asked.map((each) => each.includes("ifGenerationMatch=0"));
  };
  await using storage = store.storage();
  expect(await copied("right")).toEqual([true]);
  expect(await copied("other")).toEqual([true, false]);
});

test("the sha256 of an object is told only where the store has the md5 that it was put with", async () => {
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
  ["refused", problem(400, "invalid", "Provided MD5 hash does not match calculated MD5 hash"), true],
  ["taken", says(200, JSON.stringify({ md5Hash: "x" })), false],
  ["refused for another reason", problem(400, "invalid", "no such header"), false],
] as const)("bytes that have another md5 are %s", async (_what, answer, expected) => {
  store.answers(UPLOAD, answer);
  using client = store.client();
  expect(await client.refusesOtherBytes(placeOf(object), NEVER)).toBe(expected);
});

test("who may not put anything is refused, and hears nothing of digests", async () => {
  store.answers(UPLOAD, problem(403, "forbidden"));
  using client = store.client();
  await expect(client.refusesOtherBytes(placeOf(object), NEVER)).rejects.toMatchObject({
    code: "STORE_REFUSED",
  });
});
