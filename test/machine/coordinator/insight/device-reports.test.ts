import { expect, test } from "vitest";
import { DeviceReports } from "../../../../coordinator/insight/device-reports.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import { deviceReport } from "../../../support/wire-arbitraries.ts";
import { sample } from "../../../support/wire-rig.ts";

test("forgetting a refused worker removes its refusal but keeps its report", () => {
  const reports = new DeviceReports();
  const session = workerSession("s1");
  const report = { ...sample(deviceReport), refusal: "row 5 is wrong" };
  reports.add(session, report);
  expect(reports.refusalOf(session)).toBe("row 5 is wrong");
  reports.forget(session);
  expect(reports.refusalOf(session)).toBeNull();
  expect(reports.all).toEqual([report]);
});
