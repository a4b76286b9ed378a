import { type Mock, vi } from "vitest";
import type {
  CoordinatorServices,
  DataService,
  JobsService,
  ServerService,
  WorkersService,
  WorkService,
} from "../../shared/wire/services.ts";

type Mocked<Service> = {
  readonly [Name in keyof Service]: Service[Name] extends (...args: never[]) => unknown
    ? Mock<Service[Name]>
    : never;
};

export interface FakeServices extends CoordinatorServices {
  readonly work: Mocked<WorkService>;
  readonly data: Mocked<DataService>;
  readonly jobs: Mocked<JobsService>;
  readonly workers: Mocked<WorkersService>;
  readonly server: Mocked<ServerService>;
}

/** Returns services that record their calls. A test defines their answers. */
export function fakeServices(): FakeServices {
  return {
    work: {
      register: vi.fn<WorkService["register"]>(),
      describeJob: vi.fn<WorkService["describeJob"]>(),
      reportDevice: vi.fn<WorkService["reportDevice"]>(),
      requestLease: vi.fn<WorkService["requestLease"]>(),
      heartbeat: vi.fn<WorkService["heartbeat"]>(),
      offerPartial: vi.fn<WorkService["offerPartial"]>(),
      failAttempt: vi.fn<WorkService["failAttempt"]>(),
      releaseLease: vi.fn<WorkService["releaseLease"]>(),
      leave: vi.fn<WorkService["leave"]>(),
    },
    data: {
      statFile: vi.fn<DataService["statFile"]>(),
      readRange: vi.fn<DataService["readRange"]>(),
      putPartialFile: vi.fn<DataService["putPartialFile"]>(),
    },
    jobs: {
      submitJob: vi.fn<JobsService["submitJob"]>(),
      getJob: vi.fn<JobsService["getJob"]>(),
      listJobs: vi.fn<JobsService["listJobs"]>(),
      watchJob: vi.fn<JobsService["watchJob"]>(),
      cancelJob: vi.fn<JobsService["cancelJob"]>(),
      pauseJob: vi.fn<JobsService["pauseJob"]>(),
      resumeJob: vi.fn<JobsService["resumeJob"]>(),
      setJobPriority: vi.fn<JobsService["setJobPriority"]>(),
    },
    workers: { listWorkers: vi.fn<WorkersService["listWorkers"]>() },
    server: { getServerInfo: vi.fn<ServerService["getServerInfo"]>() },
  };
}
