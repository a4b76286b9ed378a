import { expect, test } from "vitest";
import { describeJob } from "../../../../coordinator/job/describe-job.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import type { FeatureOp, StepBinding } from "../../../../shared/domain/step-binding.ts";
import { decodeJobDescription, encodeJson } from "../../../../shared/wire/codec-job.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../../sim/sim-plan.ts";
import { aJobId } from "../../../support/ids.ts";
import { needs } from "../../../support/needs.ts";

const DATA = {
  ...{ samples: "shardmill:x", rate: 16_000, channels: 1, mix: true, layout: "channelsFirst" },
  ...{ windows: { window: 512, hop: 512, context: 64, pad: "repeat" }, normalize: false, maxSeconds: 60.5 },
};
const OP: FeatureOp = {
  kind: "feature",
  feature: "sound",
  cells: { kind: "locations", folder: parseLocation("/sounds") },
  data: DATA,
};

function descriptionWith(op: FeatureOp) {
  const { planned } = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  const step: StepBinding = { where: "map.inputs.x.sound", op, files: [], reads: ["sound"], columns: [] };
  const place = {
    partialsPath: parseLocation("/out/partials"),
    beacon: { path: parseLocation("/out/beacon"), content: "b" },
  };
  return describeJob(aJobId("j"), { ...planned, map: { ...planned.map, prepare: [step] } }, place);
}

needs("sound")(
  "a feature's step has its name and data at one level on the wire, and is decoded unchanged",
  () => {
    const description = descriptionWith(OP);
    const bytes = encodeJson(description);
    const sent = JSON.parse(bytes.toString("utf8")) as typeof description;
    expect(sent.map.prepare[0]?.op).toEqual({
      kind: "sound",
      cells: { kind: "locations", folder: "/sounds" },
      ...DATA,
    });
    expect(decodeJobDescription(bytes).map.prepare[0]?.op).toEqual(OP);
  },
);

test.each([
  ["an unknown feature", { ...OP, feature: "smell" }],
  ["data of another shape", { ...OP, data: { ...DATA, rate: "16k" } }],
  ["missing data", { ...OP, data: {} }],
])("%s is refused when the job description is decoded", (_what, op) => {
  expect(() => decodeJobDescription(encodeJson(descriptionWith(op)))).toThrow(
    expect.objectContaining({ code: "RPC_FAILED" }),
  );
});
