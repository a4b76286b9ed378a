import { recordOf } from "../core/record-of.ts";
import { BATCH_BOUNDS, type BatchInUse } from "../domain/batch-in-use.ts";
import type { Fetching } from "../domain/fetching.ts";
import { COUNTED_OF_STORE, STORE_COUNTS, type StoreCounts } from "../domain/store-counts.ts";
import type { ProtocolRange } from "../domain/versions.ts";
import type { WorkerInfo, WorkerStatus } from "../domain/worker.ts";
import { device } from "./codec-accuracy.ts";
import { field } from "./field.ts";
import type { Registered, Registration } from "./services.ts";
import { type FieldTable, tableCodec } from "./table-codec.ts";

export const batchInUseCodec = tableCodec<BatchInUse>("BatchInUse", {
  rows: field.count32,
  length: field.orNull(field.count32),
  bound: field.word("BatchBound", BATCH_BOUNDS),
});

export const fetchingCodec = tableCodec<Fetching>("Fetching", {
  bytes: field.count,
  totalBytes: field.count,
  bytesPerSecond: field.number,
});

export const storeCountsCodec = tableCodec<StoreCounts>("StoreCounts", {
  store: field.text,
  ...recordOf(COUNTED_OF_STORE, (name) => (STORE_COUNTS[name] === "whole" ? field.count : field.number)),
});

const workerInfo: FieldTable<WorkerInfo> = {
  name: field.name,
  hostname: field.text,
  pid: field.count32,
  device,
  slots: field.count32,
  taskSlots: field.orAbsent(field.count32),
  lanes: field.count32,
  threadsPerLane: field.count32,
  onnxruntimeVersion: field.text,
  build: field.text,
  mapping: field.text,
};

export const protocolRangeCodec = tableCodec<ProtocolRange>("ProtocolRange", {
  oldest: field.count32,
  newest: field.count32,
});

export const registrationCodec = tableCodec<Registration>("RegisterRequest", {
  protocol: field.message(protocolRangeCodec),
  instance: field.orAbsent(field.text),
  ...workerInfo,
});

export const registeredCodec = tableCodec<Registered>("RegisterResponse", {
  session: field.session,
  leaseMs: field.wholeMs,
  heartbeatMs: field.wholeMs,
});

export const workerStatusCodec = tableCodec<WorkerStatus>("WorkerStatus", {
  session: field.session,
  ...workerInfo,
  leases: field.count32,
  rowsCommitted: field.count,
  shardsCommitted: field.count32,
  attemptsFailed: field.count32,
  excludedForSeconds: field.orNull(field.number),
  refused: field.textOrNull,
  secondsConnected: field.number,
  secondsSinceHeartbeat: field.number,
  busy: field.shares,
  batch: field.orNull(field.message(batchInUseCodec)),
  fetching: field.orNull(field.message(fetchingCodec)),
  gpuFault: field.textOrNull,
});
