import { deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { packHistory, unpackHistory } from "../../../../coordinator/insight/packed-history.ts";
import { packMap } from "../../../../coordinator/insight/shard-map.ts";
import { aBusyRun } from "../../../support/run-history.ts";

test("a history is packed into fewer bytes and unpacked unchanged", () => {
  const history = { ...aBusyRun(), map: packMap(Uint8Array.of(3, 3, 12)) };
  const packed = packHistory(history);
  expect(unpackHistory(packed)).toEqual(history);
  expect(packed.length).toBeLessThan(JSON.stringify(history).length / 4);
});

test("a history that is cut off is rejected, and one with a damaged byte is never unpacked as another", () => {
  const history = aBusyRun();
  const packed = packHistory(history);
  let rejected = 0;
  for (let at = 0; at < packed.length; at += 1) {
    const damaged = Uint8Array.from(packed);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    const found = unpackHistory(damaged);
    if (found === null) rejected += 1;
    // A bit without meaning, or another reference to the same text.
    else expect(found, `byte ${at}`).toEqual(history);
    expect(unpackHistory(packed.subarray(0, at)), `cut off at ${at}`).toBeNull();
  }
  expect(rejected).toBeGreaterThan(0.99 * packed.length);
  expect(unpackHistory(deflateSync('{"began":"yesterday"}'))).toBeNull();
  expect(unpackHistory(deflateSync(Buffer.alloc(64 << 20)))).toBeNull();
});
