import { describe, expect, it } from "vitest";
import { ZOD } from "../../shared/core/zod.ts";
import { FILE_KEYS, INPUTS, STEPS, stepKindOf, stepValue } from "../../shared/domain/features.ts";
import { mapSpec } from "../../shared/domain/map-spec.ts";
import { SOURCE_KEYS } from "../../shared/input-sources/source-schemas.ts";
import { flatFeatures, stepBinding } from "../../shared/wire/codec-steps.ts";

/** The engine's own kinds of steps. */
const OWN = ["sql", "feature", "extension"];

describe("steps and made inputs of extensions", () => {
  it("have unique kinds and keys", () => {
    const kinds = [...OWN, ...FILE_KEYS, ...[...INPUTS, ...STEPS].map(({ step }) => step.kind)];
    expect(new Set(kinds).size).toBe(kinds.length);
    const steps = ["sql", ...STEPS.map(({ key }) => key)];
    expect(new Set(steps).size).toBe(steps.length);
    const inputs = [...Object.keys(SOURCE_KEYS), ...FILE_KEYS, ...INPUTS.map(({ key }) => key)];
    expect(new Set(inputs).size).toBe(inputs.length);
    expect(() => stepKindOf("none of them")).toThrow("no step");
    expect(stepValue({ sql: "SELECT 1" })).toBeNull();
  });

  for (const { step, key } of [...INPUTS, ...STEPS]) {
    it(`${key}: invalid data is refused by its own schema`, () => {
      expect(step.data(ZOD).safeParse({}).success).toBe(false);
      const op = { kind: "extension", step: step.kind, data: { nonsense: 1 } } as const;
      const binding = { where: "step", op, files: [], reads: [], columns: [] };
      const sent = JSON.parse(JSON.stringify(binding, flatFeatures));
      expect(sent.op).toEqual({ kind: step.kind, nonsense: 1 });
      expect(stepBinding.safeParse(sent).success).toBe(false);
    });
  }

  for (const { key, loadPlanner } of STEPS) {
    it(`${key}: is a step of the job file, and has a planner`, async () => {
      const found = mapSpec.safeParse({ prepare: [{ [key]: {} }] });
      expect(JSON.stringify(found.error?.issues)).toContain(`"prepare",0,"${key}"`);
      expect(await loadPlanner()).toBeTypeOf("function");
    });
  }

  for (const { key, loadPlanner, loadDraft } of INPUTS) {
    it(`${key}: leaves other inputs unchanged`, async () => {
      const [planner, draft] = await Promise.all([loadPlanner(), loadDraft()]);
      const { inputs } = mapSpec.parse({ inputs: { x: "column" } });
      const known = { fields: [], folder: null, tensors: [], hasSteps: false };
      expect(planner.withFolder(inputs, known)).toEqual(inputs);
      expect(planner.stray(inputs)).toEqual([]);
      expect(planner.leaves(inputs)).toBe(false);
      expect(draft.makes({ column: "column", scale: 1, offset: 0 })).toBe(false);
    });
  }
});
