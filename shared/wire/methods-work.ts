import type { ErrorData } from "../core/errors.ts";
import type { DeviceReport } from "../domain/accuracy.ts";
import type { JobId } from "../domain/job-id.ts";
import type { PartialManifest } from "../domain/partial.ts";
import type { WorkerSession } from "../domain/worker.ts";
import { deviceReportCodec } from "./codec-accuracy.ts";
import { errorCodec } from "./codec-error.ts";
import { decodeJobDescription, encodeJson } from "./codec-job.ts";
import { heartbeatCodec, leaseAnswerCodec, leaseRefCodec, leaseStateCodec } from "./codec-lease.ts";
import { offerAnswerCodec, partialCodec } from "./codec-partial.ts";
import { registeredCodec, registrationCodec } from "./codec-worker.ts";
import { type FieldCodec, field } from "./field.ts";
import type { JobDescription } from "./job-description.ts";
import { reportWithinLimits, withinLimits } from "./limits.ts";
import { defineMethod, nothing } from "./method.ts";
import type { CallFailure } from "./rpc-error.ts";
import type { LeaseRef } from "./services.ts";
import { type FieldTable, onlyField, tableCodec } from "./table-codec.ts";

interface OfJob {
  readonly session: WorkerSession;
  readonly jobId: JobId;
}

interface LeaseWish {
  readonly session: WorkerSession;
  readonly waitMs: number;
  readonly running: readonly LeaseRef[];
}

interface Offer extends OfJob {
  readonly partial: PartialManifest;
  readonly traceparent: string;
}

interface OfLease {
  readonly session: WorkerSession;
  readonly lease: LeaseRef;
}

interface Failure extends OfLease {
  readonly error: ErrorData;
}

interface DeviceFinding extends OfJob {
  readonly report: DeviceReport;
}

const ofJob: FieldTable<OfJob> = { session: field.session, jobId: field.jobId };
const ofLease: FieldTable<OfLease> = { session: field.session, lease: field.message(leaseRefCodec) };

const describeJob = tableCodec<OfJob>("DescribeJobRequest", ofJob);

const description = onlyField<JobDescription>("descriptionJson", {
  proto: "bytes",
  encode: encodeJson,
  decode: (message, name) => decodeJobDescription(message.bytes(name)),
});

const requestLease = tableCodec<LeaseWish>("RequestLeaseRequest", {
  session: field.session,
  waitMs: field.wholeMs,
  running: field.list(leaseRefCodec),
});

const leaseStates = onlyField("leases", field.list(leaseStateCodec));

const offerPartial = tableCodec<Offer>("OfferPartialRequest", {
  ...ofJob,
  partial: field.message(partialCodec),
  traceparent: field.text,
});

/** Failures and reports are cut to the coordinator's limits. */
const failAttempt = tableCodec<Failure>("FailAttemptRequest", {
  ...ofLease,
  error: encodedAfter(withinLimits, field.message(errorCodec)),
});

const reportDevice = tableCodec<DeviceFinding>("ReportDeviceRequest", {
  ...ofJob,
  report: encodedAfter(reportWithinLimits, field.message(deviceReportCodec)),
});

function encodedAfter<T>(change: (value: T) => T, row: FieldCodec<T>): FieldCodec<T> {
  return { ...row, encode: (value) => row.encode(change(value)) };
}

const releaseLease = tableCodec<OfLease>("ReleaseLeaseRequest", ofLease);

const leave = tableCodec<{ readonly session: WorkerSession; readonly gpuFault: string | null }>(
  "LeaveRequest",
  {
    session: field.session,
    gpuFault: field.textOrNull,
  },
);

/** Call of another method on a stream. */
interface CarriedCall {
  readonly call: number;
  /** Name of the method. Empty: the caller cancels the call. */
  readonly method: string;
  readonly request: Uint8Array;
}

/** Response to a {@link CarriedCall}, or its error. */
export interface CarriedAnswer {
  readonly call: number;
  /** Null: the call has failed. */
  readonly response: Uint8Array | null;
  /** Null: the call has not failed. */
  readonly failure: CallFailure | null;
}

const carriedCall = tableCodec<CarriedCall>("CallsRequest", {
  call: field.count32,
  method: field.text,
  request: field.bytes,
});

const carriedAnswer = tableCodec<CarriedAnswer>("CallsResponse", {
  call: field.count32,
  response: field.orNull(field.bytes),
  failure: field.orNull(
    field.message(
      tableCodec<CallFailure>("CallFailure", {
        code: field.count32,
        message: field.text,
        error: field.bytes,
      }),
    ),
  ),
});

export const workMethods = {
  register: defineMethod("WorkService", "Register", registrationCodec, registeredCodec),
  describeJob: defineMethod("WorkService", "DescribeJob", describeJob, description),
  reportDevice: defineMethod("WorkService", "ReportDevice", reportDevice, nothing),
  requestLease: defineMethod("WorkService", "RequestLease", requestLease, leaseAnswerCodec),
  heartbeat: defineMethod("WorkService", "Heartbeat", heartbeatCodec, leaseStates),
  offerPartial: defineMethod("WorkService", "OfferPartial", offerPartial, offerAnswerCodec),
  failAttempt: defineMethod("WorkService", "FailAttempt", failAttempt, nothing),
  releaseLease: defineMethod("WorkService", "ReleaseLease", releaseLease, nothing),
  leave: defineMethod("WorkService", "Leave", leave, nothing),
  calls: defineMethod("WorkService", "Calls", carriedCall, carriedAnswer),
} as const;
