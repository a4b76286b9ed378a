import type { WorkService } from "../shared/wire/services.ts";
import { serveSupervisor } from "../worker/process/serve-supervisor.ts";
import { startWorker } from "../worker/process/worker-main.ts";
import { CrashCounter, readCrashPlan } from "./crash-point.ts";

/**
 * Wraps calls to the coordinator so that a planned crash happens before a call, during it, or after its
 * answer.
 */
function dyingCalls(work: WorkService): WorkService {
  const plan = readCrashPlan();
  if (plan?.what !== "calls") return work;
  const counter = new CrashCounter(plan);
  const around = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    counter.point(name, "before");
    const answer = call();
    // The call may fail before anything awaits it.
    answer.catch(() => {});
    if (counter.isNext()) {
      await new Promise((resolve) => setTimeout(resolve, ON_ITS_WAY_MS));
      counter.die(name, "torn");
    }
    const given = await answer;
    counter.point(name, "done");
    counter.point(name, "acknowledged");
    return given;
  };
  return {
    register: (registration, signal) => around("register", () => work.register(registration, signal)),
    describeJob: (session, jobId) => around("describeJob", () => work.describeJob(session, jobId)),
    reportDevice: (session, jobId, report) => work.reportDevice(session, jobId, report),
    requestLease: (session, waitMs, running, signal) =>
      around("requestLease", () => work.requestLease(session, waitMs, running, signal)),
    heartbeat: (heartbeat, signal) => work.heartbeat(heartbeat, signal),
    offerPartial: (...offer) => around("offerPartial", () => work.offerPartial(...offer)),
    failAttempt: (session, lease, error) => work.failAttempt(session, lease, error),
    releaseLease: (session, lease) => work.releaseLease(session, lease),
    leave: (session, aside, signal) => work.leave(session, aside, signal),
  };
}

/** Time after which a call has left this process, and its answer has hardly arrived. */
const ON_ITS_WAY_MS = 2;

serveSupervisor(Promise.resolve(startWorker({ work: dyingCalls })));
