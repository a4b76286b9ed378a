import { expect, test } from "vitest";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { JobStorages } from "../../../../shared/storage/job-storages.ts";

const job = (region: number) => {
  return { stores: { ...NO_STORES, settings: { "s3://": { region: String(region) } } } };
};

test("jobs with the same settings share a storage, and the last hundred storages are kept", async () => {
  await using storages = new JobStorages();
  const first = storages.of(job(0));
  expect(storages.of(job(0))).toBe(first);
  const others = Array.from({ length: 99 }, (_, at) => storages.of(job(at + 1)));
  expect(storages.of(job(0))).toBe(first);
  expect(storages.of(job(1))).toBe(others[0]);
  storages.of(job(100));
  // The storage that was requested again stays, and the oldest is removed.
  expect(storages.of(job(0))).toBe(first);
  expect(storages.of(job(2))).not.toBe(others[1]);
});
