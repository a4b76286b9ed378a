import { expect, test } from "vitest";
import { storeEntries } from "../../../../cli/render/stores-text.ts";
import { aStore } from "../../../support/store-counts.ts";

test("each store has a line with its requests, bytes and retries, the busiest first", () => {
  expect(
    storeEntries([
      aStore("https://host", { requests: 1, bytesRead: 100, answers: 1, firstByteMs: 12.4 }),
      aStore("s3://photos", {
        requests: 3_412,
        bytesRead: 3 << 20,
        bytesWritten: 2_048,
        retries: 12,
        throttled: 3,
        waitedMs: 4_100,
        answers: 3_000,
        firstByteMs: 114_000,
      }),
      aStore("s3://empty\n", { requests: 2 }),
    ]),
  ).toEqual([
    [
      "store",
      "s3://photos: 3.0 MiB read, 2.0 KiB written in 3,412 requests, first byte after 38 ms; 12 retried after 4.1s, 3 throttled",
    ],
    ["store", expect.stringMatching(/^s3:\/\/empty.*: 2 requests$/)],
    ["store", "https://host: 100 B read in 1 request, first byte after 12 ms"],
  ]);
});

test("the busiest of many stores are shown, with the number of the others", () => {
  const many = Array.from({ length: 20 }, (_, index) => aStore(`https://${index}`, { requests: index }));
  const entries = storeEntries(many);
  expect(entries[0]?.[1]).toContain("https://19:");
  expect(entries.at(-1)).toEqual(["store", "12 more"]);
  expect(storeEntries([])).toEqual([]);
});
