import fc from "fast-check";
import { describe, expect, type Mock, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { errorFromData, errorToData } from "../../shared/core/errors.ts";
import type { CoordinatorServices, DataService } from "../../shared/wire/services.ts";
import { type FakeServices, fakeServices } from "../support/fake-services.ts";
import { jobDescription, jobSpec } from "../support/job-arbitraries.ts";
import * as any from "../support/wire-arbitraries.ts";
import { collect, failureOf, sample, until } from "../support/wire-rig.ts";

/** The services as seen by their caller. */
export interface CallerUnderTest extends AsyncDisposable {
  readonly services: CoordinatorServices;
}

/**
 * Checks the promises to a caller of the four services, with or without a network. The implementation
 * receives exactly the arguments, and the caller exactly the answer, or the error with all of its fields.
 *
 * @param connect makes the given implementation callable
 */
export function servicesContract(
  name: string,
  connect: (services: CoordinatorServices) => Promise<CallerUnderTest>,
): void {
  describe(`the services ${name}`, () => {
    test.each(CALLS.map((call) => [call.name, call] as const))("%s", async (_name, call) => {
      const fake = fakeServices();
      await using caller = await connect(fake);
      await call.isHeardAndAnswered(fake, caller.services);
      await call.failsAsItFailed(fake, caller.services);
    });

    test("a range of a file arrives in order, or ends with the implementation's error", async () => {
      const fake = fakeServices();
      await using caller = await connect(fake);
      const { readRange } = fake.data;
      await fc.assert(
        fc.asyncProperty(
          range,
          fc.array(any.chunk, { maxLength: 5 }),
          failure,
          async (head, chunks, error) => {
            const requested = { ...head, start: 0, end: chunks.reduce((sum, { length }) => sum + length, 0) };
            readRange.mockImplementation(() => all(chunks));
            const read = await collect(caller.services.data.readRange(requested, NEVER));
            expect(Buffer.concat(read).equals(Buffer.concat(chunks))).toBe(true);
            expect(readRange.mock.lastCall?.[0]).toMatchObject(requested);
            readRange.mockImplementation(() => all(chunks, errorFromData(error)));
            const failed = await failureOf(collect(caller.services.data.readRange(requested, NEVER)));
            expect(errorToData(failed)).toEqual(error);
          },
        ),
        { numRuns: RUNS },
      );
    });

    test("the statuses of a watched job arrive in order", async () => {
      const fake = fakeServices();
      await using caller = await connect(fake);
      await fc.assert(
        fc.asyncProperty(any.askedJobId, fc.array(any.jobStatus, { maxLength: 3 }), async (id, statuses) => {
          fake.jobs.watchJob.mockImplementation(() => all(statuses));
          expect(await collect(caller.services.jobs.watchJob(id, NEVER))).toEqual(statuses);
          expect(fake.jobs.watchJob.mock.lastCall?.[0]).toBe(id);
        }),
        { numRuns: RUNS },
      );
    });

    test("a put file arrives whole, or fails with the implementation's error", async () => {
      const fake = fakeServices();
      await using caller = await connect(fake);
      const { putPartialFile } = fake.data;
      await fc.assert(
        fc.asyncProperty(
          any.putHeader,
          fc.array(any.chunk, { maxLength: 5 }),
          failure,
          async (head, chunks, error) => {
            const whole = Buffer.concat(chunks);
            const header = { ...head, bytes: whole.length };
            const put: Uint8Array[] = [];
            putPartialFile.mockImplementation(async (_header, pieces) => {
              for await (const piece of pieces) put.push(piece);
            });
            await caller.services.data.putPartialFile(header, all(chunks), NEVER);
            expect(Buffer.concat(put).equals(whole)).toBe(true);
            expect(putPartialFile.mock.lastCall?.[0]).toMatchObject(header);
            putPartialFile.mockRejectedValue(errorFromData(error));
            const failed = await failureOf(caller.services.data.putPartialFile(header, all(chunks), NEVER));
            expect(errorToData(failed)).toEqual(error);
          },
        ),
        { numRuns: RUNS },
      );
    });

    test("a caller that stops reading a range ends it in the implementation", async () => {
      const fake = fakeServices();
      await using caller = await connect(fake);
      let isOver = false;
      fake.data.readRange.mockImplementation(async function* (): ReturnType<DataService["readRange"]> {
        try {
          for (;;) yield Buffer.alloc(1 << 16);
        } finally {
          isOver = true;
        }
      });
      const requested = { ...sample(range), start: 0, end: 2 ** 40 };
      for await (const _ of caller.services.data.readRange(requested, NEVER)) break;
      await until(() => isOver);
    });

    test("an aborted call rejects with the reason, and is aborted in the implementation", async () => {
      const fake = fakeServices();
      await using caller = await connect(fake);
      let isGivenUp = false;
      let isCalled = false;
      fake.work.requestLease.mockImplementation((_session, _waitMs, _running, signal) => {
        isCalled = true;
        return new Promise((_, reject) => {
          signal?.addEventListener("abort", () => {
            isGivenUp = true;
            reject(signal.reason);
          });
        });
      });
      const controller = new AbortController();
      const call = caller.services.work.requestLease(sample(any.session), 1_000, [], controller.signal);
      const failed = failureOf(call);
      await until(() => isCalled);
      const reason = new Error("enough");
      controller.abort(reason);
      expect(await failed).toBe(reason);
      await until(() => isGivenUp);
    });
  });
}

/** Messages per method. The codecs of all kinds of messages have tests of their own. */
const RUNS = 8;
/** The coordinator knows the submitter from the connection. */
const OWNER = fc.constant({ name: "secret", role: "admin" } as const);

/** Errors of a method. A client words that of a refused secret: it knows the file. */
const failure = any.errorData.filter(({ code }) => !/^(SECRET|TOKEN|ROLE)_REFUSED$/.test(code));
const range = fc.record({ session: any.session, jobId: any.jobId, path: any.name });

interface Call {
  readonly name: string;
  isHeardAndAnswered(fake: FakeServices, caller: CoordinatorServices): Promise<void>;
  failsAsItFailed(fake: FakeServices, caller: CoordinatorServices): Promise<void>;
}

/** Describes a method with one answer, called through `call`. */
function unary<Arguments extends readonly unknown[], Answer>(
  name: string,
  about: {
    readonly says: fc.Arbitrary<Arguments>;
    readonly hears: fc.Arbitrary<Answer>;
    readonly call: (on: CoordinatorServices, said: Arguments) => Promise<Answer>;
    readonly at: (fake: FakeServices) => Mock<(...said: never[]) => Promise<Answer>>;
  },
): Call {
  const { says, hears, call, at } = about;
  return {
    name,
    async isHeardAndAnswered(fake, caller) {
      const law = fc.asyncProperty(says, hears, async (said, answer) => {
        at(fake).mockResolvedValue(answer as never);
        expect(await call(caller, said)).toEqual(answer);
        // A signal may follow the arguments.
        expect(at(fake).mock.lastCall?.slice(0, said.length)).toEqual(said);
      });
      await fc.assert(law, { numRuns: RUNS });
    },
    async failsAsItFailed(fake, caller) {
      const law = fc.asyncProperty(says, failure, async (said, error) => {
        at(fake).mockRejectedValue(errorFromData(error));
        expect(errorToData(await failureOf(call(caller, said)))).toEqual(error);
      });
      await fc.assert(law, { numRuns: RUNS });
    },
  };
}

const { session, name, leaseRef } = any;
const nothing = fc.constant(undefined);

const CALLS: readonly Call[] = [
  unary("work.register", {
    says: fc.tuple(any.registration),
    hears: any.registered,
    call: ({ work }, said) => work.register(...said, NEVER),
    at: ({ work }) => work.register,
  }),
  unary("work.describeJob", {
    says: fc.tuple(session, any.jobId),
    hears: jobDescription,
    call: ({ work }, said) => work.describeJob(...said),
    at: ({ work }) => work.describeJob,
  }),
  unary("work.reportDevice", {
    says: fc.tuple(session, any.jobId, any.deviceReport),
    hears: nothing,
    call: ({ work }, said) => work.reportDevice(...said),
    at: ({ work }) => work.reportDevice,
  }),
  unary("work.requestLease", {
    says: fc.tuple(session, any.uint32, fc.array(leaseRef, { maxLength: 3 })),
    hears: any.leaseAnswer,
    call: ({ work }, said) => work.requestLease(...said, NEVER),
    at: ({ work }) => work.requestLease,
  }),
  unary("work.heartbeat", {
    says: fc.tuple(any.heartbeat),
    hears: any.leaseStates,
    call: ({ work }, said) => work.heartbeat(...said, NEVER),
    at: ({ work }) => work.heartbeat,
  }),
  unary("work.offerPartial", {
    says: fc.tuple(session, any.jobId, any.partial, fc.string({ maxLength: 60 })),
    hears: any.offerAnswer,
    call: ({ work }, said) => work.offerPartial(...said),
    at: ({ work }) => work.offerPartial,
  }),
  unary("work.failAttempt", {
    says: fc.tuple(session, leaseRef, any.errorData),
    hears: nothing,
    call: ({ work }, said) => work.failAttempt(...said),
    at: ({ work }) => work.failAttempt,
  }),
  unary("work.releaseLease", {
    says: fc.tuple(session, leaseRef),
    hears: nothing,
    call: ({ work }, said) => work.releaseLease(...said),
    at: ({ work }) => work.releaseLease,
  }),
  unary("work.leave", {
    says: fc.tuple(session, fc.option(any.text.filter((text) => text !== ""))),
    hears: nothing,
    call: ({ work }, said) => work.leave(...said, NEVER),
    at: ({ work }) => work.leave,
  }),
  unary("data.statFile", {
    says: fc.tuple(session, any.jobId, name),
    hears: fc.record({ bytes: any.count, version: any.text }),
    call: ({ data }, said) => data.statFile(...said, NEVER),
    at: ({ data }) => data.statFile,
  }),
  unary("jobs.submitJob", {
    says: fc.tuple(
      jobSpec,
      fc.record({ fresh: fc.boolean(), priority: any.integer, by: OWNER }, { requiredKeys: ["fresh", "by"] }),
    ),
    hears: any.submittedJob,
    call: ({ jobs }, said) => jobs.submitJob(...said, NEVER),
    at: ({ jobs }) => jobs.submitJob,
  }),
  unary("jobs.listJobs", {
    says: fc.tuple(),
    hears: fc.array(any.jobStatus, { maxLength: 3 }),
    call: ({ jobs }) => jobs.listJobs(NEVER),
    at: ({ jobs }) => jobs.listJobs,
  }),
  unary("jobs.cancelJob", {
    says: fc.tuple(any.askedJobId, any.text),
    hears: any.jobStatus,
    call: ({ jobs }, said) => jobs.cancelJob(...said, NEVER),
    at: ({ jobs }) => jobs.cancelJob,
  }),
  ...(["getJob", "pauseJob", "resumeJob"] as const).map((method) =>
    unary(`jobs.${method}`, {
      says: fc.tuple(any.askedJobId),
      hears: any.jobStatus,
      call: ({ jobs }, said) => jobs[method](...said, NEVER),
      at: ({ jobs }) => jobs[method],
    }),
  ),
  unary("jobs.setJobPriority", {
    says: fc.tuple(any.askedJobId, any.integer),
    hears: any.jobStatus,
    call: ({ jobs }, said) => jobs.setJobPriority(...said, NEVER),
    at: ({ jobs }) => jobs.setJobPriority,
  }),
  unary("workers.listWorkers", {
    says: fc.tuple(),
    hears: fc.array(any.workerStatus, { maxLength: 3 }),
    call: ({ workers }) => workers.listWorkers(NEVER),
    at: ({ workers }) => workers.listWorkers,
  }),
];

async function* all<T>(items: readonly T[], error?: Error): AsyncGenerator<T> {
  yield* items;
  if (error !== undefined) throw error;
}
