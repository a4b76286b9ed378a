import { expect, test } from "vitest";
import { buildManifest } from "../../../coordinator/publish/layout.ts";
import type { Flight } from "../../../extensions/flight/flight.ts";
import { Flights } from "../../../extensions/flight/flights.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { sha256 } from "../../../shared/core/digest.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import type { JobResults } from "../../../shared/extension/results-view.ts";
import { rowCounts } from "../../support/builders.ts";
import { needs } from "../../support/needs.ts";
import { FACTS } from "../../support/small-output.ts";

function manifestOf(text: string, path = "rows/part-00000.parquet") {
  const files = [{ path, kind: "rows" as const, rows: 1, bytes: 1, sha256: sha256(text) }];
  const counts = rowCounts(1);
  return buildManifest({ ...FACTS, run: { ...FACTS.run, rowsTotal: 1 }, counts }, files);
}

test("the parts of a flight are cached for a manifest and made again for a changed one", async () => {
  const place = { output: parseLocation("/out"), stores: NO_STORES };
  const job: JobResults = { jobId: null, ...place, isPublished: true, combined: [] };
  let manifest = manifestOf("first");
  const owner = { jobs: async () => [job], combined: async () => [] };
  const flights = new Flights(owner, { of: async () => manifest });
  const { parts } = await flights.find(["rows"], NEVER);
  expect((await flights.find(["rows"], NEVER)).parts).toBe(parts);
  manifest = manifestOf("second");
  const now = await flights.find(["rows"], NEVER);
  expect(now.parts.map((part) => part.sha256)).toEqual([sha256("second")]);
});

needs("csv-json")("rows that are text are not listed, and refused with what to do", async () => {
  const place = { output: parseLocation("/out"), stores: NO_STORES };
  const job: JobResults = { jobId: null, ...place, isPublished: true, combined: [] };
  const owner = { jobs: async () => [job], combined: async () => [] };
  for (const path of ["rows/part-00000.csv", "rows/day=1.5/part-00000.jsonl.zst"]) {
    const flights = new Flights(owner, { of: async () => manifestOf("text", path) });
    const listed: Flight[] = [];
    for await (const flight of flights.list("", NEVER)) listed.push(flight);
    expect(listed).toEqual([]);
    await expect(flights.find(["rows"], NEVER)).rejects.toMatchObject({
      code: "RESULT_NOT_FOUND",
      fields: { path },
      hint: expect.stringContaining("output.rows"),
    });
  }
});
