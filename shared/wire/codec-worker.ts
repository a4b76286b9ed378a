import { CONCRETE_DEVICES } from "../domain/device.ts";
import {
  STAGES,
  type Stage,
  type StageShares,
  type WorkerInfo,
  type WorkerSession,
  type WorkerStatus,
  workerSession,
} from "../domain/worker.ts";
import { batchInUseCodec } from "./codec-batch.ts";
import { leaseRefCodec } from "./codec-lease.ts";
import type { Heartbeat, LeaseRef, Registered, Registration } from "./services.ts";
import { type Codec, uint32, type WireMessage, type WireReader, wholeMs } from "./wire-message.ts";

export const registrationCodec: Codec<Registration> = {
  encode: (registration) => ({
    protocolVersion: uint32(registration.protocolVersion),
    build: registration.build,
    ...encodeInfo(registration),
  }),
  decode: (message) => ({
    protocolVersion: message.count("protocolVersion"),
    build: message.text("build"),
    ...decodeInfo(message),
  }),
};

export const registeredCodec: Codec<Registered> = {
  encode: ({ session, leaseMs, heartbeatMs }) => ({
    session,
    leaseMs: wholeMs(leaseMs),
    heartbeatMs: wholeMs(heartbeatMs),
  }),
  decode: (message) => ({
    session: decodeSession(message),
    leaseMs: message.count("leaseMs"),
    heartbeatMs: message.count("heartbeatMs"),
  }),
};

export const heartbeatCodec: Codec<Heartbeat> = {
  encode: ({ session, leases, busy, padding, batch }) => ({
    session,
    leases: leases.map(({ lease, rowsDone }) => ({ lease: leaseRefCodec.encode(lease), rowsDone })),
    busy,
    ...(padding === null ? {} : { padding }),
    ...(batch === undefined ? {} : { batch: batchInUseCodec.encode(batch) }),
  }),
  decode: (message) => ({
    session: decodeSession(message),
    leases: message.list("leases").map((progress) => ({
      lease: leaseRefCodec.decode(progress.message("lease")),
      rowsDone: progress.count("rowsDone"),
    })),
    busy: decodeShares(message, "busy"),
    padding: message.optionalNumber("padding") ?? null,
    ...decodeBatch(message),
  }),
};

export const leaseStatesCodec: Codec<readonly { readonly lease: LeaseRef; readonly live: boolean }[]> = {
  encode: (states) => ({
    leases: states.map(({ lease, live }) => ({ lease: leaseRefCodec.encode(lease), live })),
  }),
  decode: (message) =>
    message.list("leases").map((state) => ({
      lease: leaseRefCodec.decode(state.message("lease")),
      live: state.flag("live"),
    })),
};

export const workerStatusCodec: Codec<WorkerStatus> = {
  encode: (status) => ({
    session: status.session,
    ...encodeInfo(status),
    leases: uint32(status.leases),
    rowsCommitted: status.rowsCommitted,
    shardsCommitted: uint32(status.shardsCommitted),
    attemptsFailed: uint32(status.attemptsFailed),
    ...(status.excludedForSeconds === null ? {} : { excludedForSeconds: status.excludedForSeconds }),
    refused: status.refused ?? "",
    secondsConnected: status.secondsConnected,
    secondsSinceHeartbeat: status.secondsSinceHeartbeat,
    busy: status.busy,
    ...(status.batch === null ? {} : { batch: batchInUseCodec.encode(status.batch) }),
  }),
  decode: (message) => ({
    session: decodeSession(message),
    ...decodeInfo(message),
    leases: message.count("leases"),
    rowsCommitted: message.count("rowsCommitted"),
    shardsCommitted: message.count("shardsCommitted"),
    attemptsFailed: message.count("attemptsFailed"),
    excludedForSeconds: message.optionalNumber("excludedForSeconds") ?? null,
    refused: message.text("refused") || null,
    secondsConnected: message.number("secondsConnected"),
    secondsSinceHeartbeat: message.number("secondsSinceHeartbeat"),
    busy: decodeShares(message, "busy"),
    batch: decodeBatch(message).batch ?? null,
  }),
};

function decodeBatch(message: WireReader): Pick<Heartbeat, "batch"> {
  const batch = message.optionalMessage("batch");
  return batch === null ? {} : { batch: batchInUseCodec.decode(batch) };
}

export function decodeSession(message: WireReader): WorkerSession {
  return workerSession(message.name("session"));
}

function encodeInfo(info: WorkerInfo): WireMessage {
  return {
    name: info.name,
    hostname: info.hostname,
    pid: uint32(info.pid),
    device: info.device,
    slots: uint32(info.slots),
    lanes: uint32(info.lanes),
    threadsPerLane: uint32(info.threadsPerLane),
    onnxruntimeVersion: info.onnxruntimeVersion,
  };
}

function decodeInfo(message: WireReader): WorkerInfo {
  return {
    name: message.name("name"),
    hostname: message.text("hostname"),
    pid: message.count("pid"),
    device: message.oneOf("device", CONCRETE_DEVICES),
    slots: message.count("slots"),
    lanes: message.count("lanes"),
    threadsPerLane: message.count("threadsPerLane"),
    onnxruntimeVersion: message.text("onnxruntimeVersion"),
  };
}

/** Busy shares of stages, as the map field `field` has them. */
export function decodeShares(message: WireReader, field: string): StageShares {
  const shares: Partial<Record<Stage, number>> = {};
  for (const [name, share] of message.entries(field)) {
    const stage = STAGES.find((candidate) => candidate === name);
    if (stage === undefined) return message.fail(`${field}.${name}`, "is no stage");
    if (typeof share !== "number") return message.fail(`${field}.${name}`, "is not a number");
    shares[stage] = share;
  }
  return shares;
}
