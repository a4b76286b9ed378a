import { BOTTLENECKS } from "../domain/bottleneck.ts";
import { JOB_PHASES } from "../domain/job.ts";
import type { JobStatus } from "../domain/job-status.ts";
import { deviceReportCodec } from "./codec-accuracy.ts";
import { batchInUseCodec } from "./codec-batch.ts";
import { errorCodec } from "./codec-error.ts";
import { jobPrecisionCodec } from "./codec-precision.ts";
import { decodeShares } from "./codec-worker.ts";
import { type Codec, uint32 } from "./wire-message.ts";

export const jobStatusCodec: Codec<JobStatus> = {
  encode: (status) => ({
    jobId: status.jobId,
    name: status.name,
    phase: status.phase,
    rowsTotal: status.rowsTotal,
    rowsDone: status.rowsDone,
    rowsCommitted: status.rowsCommitted,
    rowsFiltered: status.rowsFiltered,
    rowsOut: status.rowsOut,
    deadLetters: status.deadLetters,
    shardsTotal: uint32(status.shardsTotal),
    shardsCommitted: uint32(status.shardsCommitted),
    shardsLeased: uint32(status.shardsLeased),
    attempts: uint32(status.attempts),
    attemptsFailed: uint32(status.attemptsFailed),
    workers: uint32(status.workers),
    seconds: status.seconds,
    rowsPerSecond: status.rowsPerSecond,
    ...(status.secondsLeft === null ? {} : { secondsLeft: status.secondsLeft }),
    bottleneck: status.bottleneck ?? "",
    output: status.output,
    manifest: status.manifest,
    stages: status.stages,
    ...(status.padding === null ? {} : { padding: status.padding }),
    ...(status.batch === null ? {} : { batch: batchInUseCodec.encode(status.batch) }),
    advice: status.advice ?? "",
    ...(status.precision === null ? {} : { precision: jobPrecisionCodec.encode(status.precision) }),
    devices: status.devices.map(deviceReportCodec.encode),
    ...(status.failure === null ? {} : { failure: errorCodec.encode(status.failure) }),
  }),
  decode(message) {
    const failure = message.optionalMessage("failure");
    const precision = message.optionalMessage("precision");
    const batch = message.optionalMessage("batch");
    return {
      jobId: message.text("jobId"),
      name: message.text("name"),
      phase: message.oneOf("phase", JOB_PHASES),
      rowsTotal: message.count("rowsTotal"),
      rowsDone: message.count("rowsDone"),
      rowsCommitted: message.count("rowsCommitted"),
      rowsFiltered: message.count("rowsFiltered"),
      rowsOut: message.count("rowsOut"),
      deadLetters: message.count("deadLetters"),
      shardsTotal: message.count("shardsTotal"),
      shardsCommitted: message.count("shardsCommitted"),
      shardsLeased: message.count("shardsLeased"),
      attempts: message.count("attempts"),
      attemptsFailed: message.count("attemptsFailed"),
      workers: message.count("workers"),
      seconds: message.number("seconds"),
      rowsPerSecond: message.number("rowsPerSecond"),
      secondsLeft: message.optionalNumber("secondsLeft") ?? null,
      bottleneck: message.text("bottleneck") === "" ? null : message.oneOf("bottleneck", BOTTLENECKS),
      output: message.text("output"),
      manifest: message.text("manifest"),
      stages: decodeShares(message, "stages"),
      padding: message.optionalNumber("padding") ?? null,
      batch: batch === null ? null : batchInUseCodec.decode(batch),
      advice: message.text("advice") || null,
      precision: precision === null ? null : jobPrecisionCodec.decode(precision),
      devices: message.list("devices").map(deviceReportCodec.decode),
      failure: failure === null ? null : errorCodec.decode(failure),
    };
  },
};
