import { ownMapping } from "../../shared/core/mapping.ts";
import { buildVersion } from "../../shared/core/package-root.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import { manifestCounts, NO_ROWS, type RowCounts } from "../../shared/domain/row-counts.ts";
import { shardId } from "../../shared/domain/shard.ts";
import type { WorkerInfo } from "../../shared/domain/worker.ts";
import { aDigest, aJobId } from "./ids.ts";

/** Builders of domain values, so that a test names only the fields that matter. */
export function aLease(
  facts: { readonly sequence?: number; readonly shard?: number; readonly leaseMs?: number } = {},
): Lease {
  const { sequence = 1, shard = 0, leaseMs = 30_000 } = facts;
  return {
    jobId: aJobId("job-1"),
    token: { generation: 1, sequence },
    shard: { id: shardId(shard), rowStart: 0, rowEnd: 100 },
    slices: [{ file: anInputFile(), rowStart: 0, rowEnd: 100 }],
    leaseMs,
    traceparent: "",
    workers: 1,
  };
}

export function anInputFile(
  changes: Partial<Omit<InputFile, "path">> & { readonly path?: string } = {},
): InputFile {
  const { path = "/data/a.parquet", ...facts } = changes;
  return {
    path: parseLocation(path),
    format: "parquet",
    bytes: 1_000,
    version: "1",
    rows: 100,
    footerSha256: aDigest("f".repeat(64)),
    ...facts,
  };
}

export function aWorker(facts: Partial<WorkerInfo> = {}): WorkerInfo {
  return {
    name: "node1-cpu0",
    hostname: "node1",
    pid: 1,
    device: "cpu",
    slots: 2,
    lanes: 1,
    threadsPerLane: 1,
    onnxruntimeVersion: "1.30.0",
    build: buildVersion,
    mapping: ownMapping(),
    ...facts,
  };
}

/** Returns counts of a shard in which each row is one output row, except for `changes`. */
export function rowCounts(rows: number, changes: Partial<RowCounts> = {}): RowCounts {
  return { ...NO_ROWS, rowsIn: rows, rowsMapped: rows, rowsOut: rows, ...changes };
}

/** Returns counts of a manifest in which each input row is one output row, except for `changes`. */
export function manifestRows(
  rows: number,
  changes: Partial<OutputManifest["rows"]> = {},
): OutputManifest["rows"] {
  return {
    ...{ input: rows, pruned: 0, skipped: 0, deadLetters: 0 },
    ...manifestCounts(() => 0),
    output: rows,
    ...changes,
  };
}

export function aPartialManifest(changes: Partial<PartialManifest> = {}): PartialManifest {
  const { files = [] } = changes;
  return {
    ...{ shard: shardId(0), token: { generation: 1, sequence: 1 }, executionId: asExecutionId("e") },
    ...rowCounts(1),
    ...{ firstDeadLetter: null, files, digest: partialDigest(files) },
    ...changes,
  };
}

/** Returns a clock that advances only on request. */
export function manualClock(startMs = 0): { nowMs(): number; wallMs(): number; advance(ms: number): void } {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    advance: (ms) => {
      nowMs += ms;
    },
  };
}
