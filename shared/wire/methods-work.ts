import type { ErrorData } from "../core/errors.ts";
import type { JobDescription } from "../domain/job.ts";
import type { PartialManifest } from "../domain/partial.ts";
import type { DeviceReport } from "../domain/precision.ts";
import type { WorkerSession } from "../domain/worker.ts";
import { deviceReportCodec } from "./codec-accuracy.ts";
import { errorCodec } from "./codec-error.ts";
import { decodeJobDescription, encodeJson } from "./codec-job.ts";
import { leaseAnswerCodec, leaseRefCodec } from "./codec-lease.ts";
import { offerAnswerCodec, partialCodec } from "./codec-partial.ts";
import {
  decodeSession,
  heartbeatCodec,
  leaseStatesCodec,
  registeredCodec,
  registrationCodec,
} from "./codec-worker.ts";
import { reportWithinLimits, withinLimits } from "./limits.ts";
import { defineMethod, nothing } from "./method.ts";
import type { LeaseRef } from "./services.ts";
import { type Codec, wholeMs } from "./wire-message.ts";

interface OfJob {
  readonly session: WorkerSession;
  readonly jobId: string;
}

interface LeaseWish {
  readonly session: WorkerSession;
  readonly waitMs: number;
  readonly running: readonly LeaseRef[];
}

interface Offer extends OfJob {
  readonly partial: PartialManifest;
}

interface OfLease {
  readonly session: WorkerSession;
  readonly lease: LeaseRef;
}

interface Failure extends OfLease {
  readonly error: ErrorData;
}

const ofJobCodec: Codec<OfJob> = {
  encode: ({ session, jobId }) => ({ session, jobId }),
  decode: (message) => ({ session: decodeSession(message), jobId: message.name("jobId") }),
};

const descriptionCodec: Codec<JobDescription> = {
  encode: (description) => ({ descriptionJson: encodeJson(description) }),
  decode: (message) => decodeJobDescription(message.bytes("descriptionJson")),
};

const leaseWishCodec: Codec<LeaseWish> = {
  encode: ({ session, waitMs, running }) => ({
    session,
    waitMs: wholeMs(waitMs),
    running: running.map((lease) => leaseRefCodec.encode(lease)),
  }),
  decode: (message) => ({
    session: decodeSession(message),
    waitMs: message.count("waitMs"),
    running: message.list("running").map((lease) => leaseRefCodec.decode(lease)),
  }),
};

const offerCodec: Codec<Offer> = {
  encode: ({ session, jobId, partial }) => ({ session, jobId, partial: partialCodec.encode(partial) }),
  decode: (message) => ({
    session: decodeSession(message),
    jobId: message.name("jobId"),
    partial: partialCodec.decode(message.message("partial")),
  }),
};

const ofLeaseCodec: Codec<OfLease> = {
  encode: ({ session, lease }) => ({ session, lease: leaseRefCodec.encode(lease) }),
  decode: (message) => ({
    session: decodeSession(message),
    lease: leaseRefCodec.decode(message.message("lease")),
  }),
};

const failureCodec: Codec<Failure> = {
  encode: ({ error, ...ofLease }) => ({
    ...ofLeaseCodec.encode(ofLease),
    error: errorCodec.encode(withinLimits(error)),
  }),
  decode: (message) => ({
    ...ofLeaseCodec.decode(message),
    error: errorCodec.decode(message.message("error")),
  }),
};

const reportDeviceCodec: Codec<OfJob & { readonly report: DeviceReport }> = {
  encode: ({ report, ...ofJob }) => ({
    ...ofJobCodec.encode(ofJob),
    report: deviceReportCodec.encode(reportWithinLimits(report)),
  }),
  decode: (message) => ({
    ...ofJobCodec.decode(message),
    report: deviceReportCodec.decode(message.message("report")),
  }),
};

const sessionCodec: Codec<{ readonly session: WorkerSession }> = {
  encode: ({ session }) => ({ session }),
  decode: (message) => ({ session: decodeSession(message) }),
};

export const workMethods = {
  register: defineMethod("WorkService", "Register", registrationCodec, registeredCodec),
  describeJob: defineMethod("WorkService", "DescribeJob", ofJobCodec, descriptionCodec),
  reportDevice: defineMethod("WorkService", "ReportDevice", reportDeviceCodec, nothing),
  requestLease: defineMethod("WorkService", "RequestLease", leaseWishCodec, leaseAnswerCodec),
  heartbeat: defineMethod("WorkService", "Heartbeat", heartbeatCodec, leaseStatesCodec),
  offerPartial: defineMethod("WorkService", "OfferPartial", offerCodec, offerAnswerCodec),
  failAttempt: defineMethod("WorkService", "FailAttempt", failureCodec, nothing),
  releaseLease: defineMethod("WorkService", "ReleaseLease", ofLeaseCodec, nothing),
  leave: defineMethod("WorkService", "Leave", sessionCodec, nothing),
} as const;
