import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { refuseMapping, refuseProtocol } from "../../../../coordinator/service/refuse-registration.ts";
import { buildVersion } from "../../../../shared/core/package-root.ts";
import { aWorker } from "../../../support/builders.ts";

const PROTOCOLS = { oldest: 4, newest: 6 };

const joining = (oldest: number, newest: number) => ({
  ...aWorker({ name: "w", build: "0.0.7" }),
  protocol: { oldest, newest },
});

const refused = (fields: object, hint: unknown) =>
  expect.objectContaining({ code: "VERSION_SKEW", fields: expect.objectContaining(fields), hint });

describe("the protocol of a worker that joins", () => {
  test.each([
    [1, 4],
    [3, 5],
    [6, 9],
    [4, 6],
  ])("a protocol of %d to %d is accepted by a coordinator of 4 to 6", (oldest, newest) => {
    refuseProtocol(joining(oldest, newest), PROTOCOLS);
  });

  test("a protocol that is too old is refused, with both versions and the side to upgrade", () => {
    const versions = {
      worker: "0.0.7",
      coordinator: buildVersion,
      workerProtocol: "1 to 3",
      protocol: "4 to 6",
    };
    expect(() => refuseProtocol(joining(1, 3), PROTOCOLS)).toThrow(
      refused(versions, `install shardmill ${buildVersion} on the worker's node`),
    );
  });

  test("a protocol that is too new is refused, with the advice to upgrade the coordinator first", () => {
    expect(() => refuseProtocol(joining(7, 7), PROTOCOLS)).toThrow(
      refused(
        { workerProtocol: "7" },
        expect.stringMatching(/^upgrade the coordinator to shardmill 0\.0\.7 first/),
      ),
    );
  });
});

describe("the mapping of a worker", () => {
  const OWN = "2 onnxruntime-node@1.31.0 sharp@0.35.5";
  const BEFORE = "1 onnxruntime-node@1.30.0 sharp@0.35.5";
  const worker = aWorker({ name: "w", build: "0.0.7", mapping: BEFORE });

  test("a mapping that no job has is refused, with only its differences", () => {
    const fields = {
      worker: "0.0.7",
      coordinator: buildVersion,
      onlyWorker: "1 onnxruntime-node@1.30.0",
      onlyHere: "2 onnxruntime-node@1.31.0",
    };
    expect(() => refuseMapping(worker, { own: OWN, ofJobs: () => [OWN], mayChange: false })).toThrow(
      refused(fields, expect.stringContaining(`install shardmill ${buildVersion}`)),
    );
  });

  test("a mapping is accepted only if it is the coordinator's, a job's, or possibly that of an opening job", () => {
    const mapping = fc.constantFrom("a", "b", "c");
    const ofJobs = fc.array(mapping, { maxLength: 3 });
    fc.assert(
      fc.property(mapping, mapping, ofJobs, fc.boolean(), (its, own, jobs, mayChange) => {
        const judge = () => refuseMapping(aWorker({ mapping: its }), { own, ofJobs: () => jobs, mayChange });
        const fits = its === own || jobs.includes(its);
        if (fits || mayChange) judge();
        else expect(judge).toThrow(expect.objectContaining({ code: "VERSION_SKEW" }));
      }),
    );
  });
});
