import type { z } from "zod";
import { ZOD } from "../core/zod.ts";
import type { SourceSpec } from "../input-sources/input-source.ts";
import { chosenSource } from "../input-sources/input-sources.ts";
import { sameValue } from "../input-sources/same-value.ts";
import { SOURCE_KEYS } from "../input-sources/source-schemas.ts";
import { OP_KEYS } from "../output-ops/op-schemas.ts";
import { type OpKind, OUTPUT_OPS, opOf } from "../output-ops/output-ops.ts";
import { raw } from "../output-ops/raw.ts";
import { BUCKET_COLUMN } from "./buckets.ts";
import { CONVERSION, conversionOf } from "./conversion.ts";
import { FILE_KEYS, featureOf, REDUCTIONS, STEPS } from "./features.ts";
import { notAFilePlace, type notAPath } from "./location.ts";
import { outputColumnNames } from "./output-fields.ts";
import { stageName } from "./stage-name.ts";

/** Context of rules that involve several keys of the job file. */
export type Context = z.core.$RefinementCtx;

/** Checks that an input has one source, and no keys that exclude it. */
export function checkInputRules(input: SourceSpec, context: Context): void {
  const { key: chosen, keys, excludes } = chosenSource(input);
  for (const key of [...Object.keys(SOURCE_KEYS), ...(excludes?.keys ?? [])]) {
    if (input[key] === undefined || Object.hasOwn(keys(ZOD), key)) continue;
    refuse(context, [key], `\`${chosen}\` and \`${key}\` exclude each other`, {
      expected: `\`${chosen}\` alone`,
      ...(excludes === undefined ? {} : { hint: excludes.why }),
    });
  }
  if (chosen !== sameValue.key && Array.isArray(input.shape) && input.shape.includes(0)) {
    refuse(context, ["shape"], "a row without values has nothing to read from a column", {
      expected: "sizes of at least 1, or one `value`, which no column feeds",
      found: `[${input.shape.join(", ")}]`,
    });
  }
  for (const own of FILE_KEYS) if (input[own] !== undefined) checkFileInput(own, input, context);
}

/** Checks that an input made from files has one column, and no key about fixed sizes or missing values. */
function checkFileInput(own: string, input: SourceSpec, context: Context): void {
  const others = featureOf(own).excludes ?? [];
  const files = FILE_KEYS.filter((key) => key !== own);
  for (const key of [
    "columns",
    "bytes",
    "mask",
    "positions",
    "lengths",
    "value",
    "shape",
    "fill",
    ...files,
    ...others,
  ]) {
    if (input[key] === undefined) continue;
    refuse(context, [key], `\`${own}\` and \`${key}\` exclude each other`, {
      expected: `\`${own}\`, with the \`column\` that holds the ${own}s`,
    });
  }
}

/** Checks that no input is fed both by `map.inputs` and by `map.state`. */
export function checkStates(
  { inputs, state = {} }: { readonly inputs: object; readonly state?: object },
  context: Context,
): void {
  for (const input of Object.keys(state).filter((name) => Object.hasOwn(inputs, name))) {
    refuse(context, ["state", input], "is fed by `map.inputs` already", {
      expected: "an input under one of them",
    });
  }
}

/** Keys of a step. Each step has exactly one of them. */
const STEP_KEYS = ["sql", ...STEPS.map(({ key }) => key)];

/** Checks that a step has exactly one of the step keys. */
export function checkStepRules(step: Readonly<Record<string, unknown>>, context: Context): void {
  const found = STEP_KEYS.filter((key) => step[key] !== undefined);
  if (found.length === 1) return;
  refuse(context, [], found.length === 0 ? "says nothing to do" : "says several things to do", {
    expected: `one of ${STEP_KEYS.map((key) => `\`${key}\``).join(", ")}`,
    ...(found.length === 0 ? {} : { found: found.join(", "), hint: "make each a step of its own" }),
  });
}

/** Returns the rule for a text that names a place. `wrong` returns the fault of an invalid one. */
export function placeRule(wrong: typeof notAPath) {
  return (text: string, context: Context): void => {
    const problem = wrong(text);
    if (problem === null) return;
    const { what, ...detail } = problem;
    refuse(context, [], what, detail);
  };
}

/** Returns the schema of a text that names a place. */
export function placeBy(wrong: typeof notAPath) {
  return ZOD.string().min(1).max(1_000_000).superRefine(placeRule(wrong));
}

/** Each reduction adds a file to every shard, listed in one message, and runs its SQL on every shard. */
const MOST_REDUCTIONS = 1_000;

export function checkReductionCount(reduce: object, context: Context): void {
  const found = Object.keys(reduce).length;
  if (found <= MOST_REDUCTIONS) return;
  refuse(context, [], "has too many reductions", {
    expected: `at most ${MOST_REDUCTIONS}`,
    found: String(found),
    hint: "one reduction can give many columns and rows",
  });
}

/** Checks that a reduction is SQL or one program, and its keys. */
export function checkReductionRules(reduction: Readonly<Record<string, unknown>>, context: Context): void {
  checkKeys(Array.isArray(reduction.by) ? reduction.by.map(String) : [], context);
  const programs = REDUCTIONS.map(({ key }) => key);
  const chosen = programs.find((key) => reduction[key] !== undefined);
  if (chosen === undefined) {
    if (reduction.final !== undefined) return;
    const ways = ["`final` with SQL", ...programs.map((key) => `\`${key}\` with a file`)];
    refuse(context, ["final"], "is missing", { expected: ways.join(", or ") });
    return;
  }
  for (const key of ["combine", "final", ...programs]) {
    if (key === chosen || reduction[key] === undefined) continue;
    refuse(context, [key], `\`${chosen}\` and \`${key}\` exclude each other`, {
      expected: `\`${chosen}\` alone: its code has both parts`,
    });
  }
}

/** Checks the key columns of a reduction. SQL ignores the case of names. */
function checkKeys(by: readonly string[], context: Context): void {
  const names = by.map((name) => name.toLowerCase());
  for (const [index, name] of names.entries()) {
    if (name === BUCKET_COLUMN) {
      refuse(context, ["by", index], "is the name of Shardmill's own column", { expected: "another name" });
    } else if (names.indexOf(name) < index) {
      refuse(context, ["by", index], "is named twice", { expected: "each column once" });
    }
  }
}

/** Checks that an output has the keys that its op requires, and no keys of other ops. */
export function checkOutputRules(
  output: { readonly op?: OpKind } & Readonly<Record<string, unknown>>,
  context: Context,
): void {
  const { op = raw.kind, labels } = output;
  const file = keyOf(labels, "file");
  const misplaced = typeof file === "string" ? notAFilePlace(file) : null;
  if (misplaced !== null) refuse(context, ["labels", "file"], misplaced.what, misplaced);
  const { keys, required } = opOf({ kind: op });
  for (const [key, expected] of Object.entries(required)) {
    if (output[key] === undefined) refuse(context, [key], `required with \`op: ${op}\``, { expected });
  }
  for (const key of Object.keys(OP_KEYS)) {
    if (output[key] === undefined || Object.hasOwn(keys(ZOD), key)) continue;
    const users = OUTPUT_OPS.filter((user) => Object.hasOwn(user.keys(ZOD), key)).map(
      ({ kind }) => `\`op: ${kind}\``,
    );
    refuse(context, [key], `not used by \`op: ${op}\``, {
      expected: `only with ${users.join(" or ")}`,
    });
  }
}

interface RefusalDetail {
  readonly expected?: string;
  readonly found?: string;
  readonly hint?: string;
}

/** Reports a broken rule. `detail` goes into the issue's params, from which the message is made. */
export function refuse(
  context: Context,
  path: readonly (string | number)[],
  what: string,
  detail: RefusalDetail,
): void {
  context.addIssue({ code: "custom", path: [...path], message: what, params: { ...detail } });
}

/**
 * Checks that no two output columns share a name. It also runs when other keys of `map` are invalid, so that
 * one check reports all problems. So it must not trust the value's shape.
 */
export function checkColumnClashes(map: unknown, context: Context): void {
  const taken = new Map<string, string>();
  const claim = (name: string, path: readonly (string | number)[], whose: string): void => {
    const owner = taken.get(name.toLowerCase());
    if (owner === undefined) taken.set(name.toLowerCase(), whose);
    else {
      refuse(context, path, `two output columns are named \`${name}\``, {
        expected: "names that differ by more than upper and lower case (SQL ignores case)",
        found: `\`${name}\` is ${owner} already`,
      });
    }
  };
  const keep = keyOf(map, "keep");
  if (Array.isArray(keep)) {
    for (const [index, name] of keep.entries()) {
      if (typeof name === "string") claim(name, ["keep", index], "a kept column");
    }
  }
  for (const [key, output] of Object.entries(keyOf(map, "outputs") ?? {})) {
    // Outputs are a list after parsing. If another key is invalid, they are as written.
    const named = keyOf(output, "column");
    const column = typeof named === "string" ? named : key;
    const op = OUTPUT_OPS.find(({ kind }) => kind === keyOf(output, "op")) ?? raw;
    const spec = output !== null && typeof output === "object" ? { ...output } : {};
    const names = outputColumnNames(column, op, spec);
    for (const name of names) claim(name, ["outputs", column], `made by the output \`${column}\``);
  }
}

/** Checks that the job publishes rows or a reduction. */
export function checkSomethingIsPublished(job: unknown, context: Context): void {
  const reductions = Object.keys(keyOf(job, "reduce") ?? {});
  if (keyOf(keyOf(job, "output"), "rows") !== "none" || reductions.length > 0) return;
  refuse(context, ["output", "rows"], "the job would publish nothing", {
    expected: "a format of rows, such as `parquet`, or a reduction in `reduce`",
    found: "`none`, and no reduction",
  });
}

/** Keys of `map` that have a meaning only for a model. */
const MODEL_KEYS = ["inputs", "state", "outputs", "batch"] as const;

/** Checks that a job without a model sets nothing for one. */
export function checkModelKeys(job: unknown, context: Context): void {
  if (keyOf(job, "model") !== undefined || keyOf(keyOf(job, "map"), "stages") !== undefined) return;
  for (const key of MODEL_KEYS) {
    const value = keyOf(keyOf(job, "map"), key);
    const isSet = Object.values(value ?? {}).some((entry) => entry !== "auto");
    if (!isSet) continue;
    refuse(context, ["map", key], "needs a model, and the job has none", {
      expected: "`model.path`, or only `prepare`, `keep` and `finish` in `map`",
      hint: "add `model: { path: model.onnx }`, or remove this key",
    });
  }
}

/** Keys of `map` that belong to a stage. */
const STAGE_KEYS = ["prepare", "state", "inputs", "outputs", "keep", "finish", "batch"] as const;

/** Checks that a job with stages has all keys of a model in them, and that the stages fit together. */
export function checkStages(job: unknown, context: Context): void {
  const map = keyOf(job, "map");
  const stages = keyOf(map, "stages");
  if (!Array.isArray(stages)) return;
  const expected = "this key in a stage of `map.stages`";
  if (keyOf(job, "model") !== undefined)
    refuse(context, ["model"], "each stage has its own model", { expected, hint: "move it to a stage" });
  for (const key of STAGE_KEYS) {
    const isSet = Object.values(keyOf(map, key) ?? {}).some((entry) => entry !== "auto");
    if (isSet) refuse(context, ["map", key], "`stages` and this key exclude each other", { expected });
  }
  const names: string[] = [];
  const devices: unknown[] = [];
  for (const [index, stage] of stages.entries()) {
    const path = ["map", "stages", index];
    const name = stageName(keyOf(stage, "name"), index);
    if (names.includes(name)) {
      const other = "a name that no other stage has";
      refuse(context, [...path, "name"], "two stages have this name", { expected: other, found: name });
    }
    names.push(name);
    devices.push(keyOf(keyOf(stage, "model"), "device"));
    if (devices.at(-1) !== devices[0]) {
      const same = "one device in all stages: a worker has one";
      refuse(context, [...path, "model", "device"], "differs from the first stage's", { expected: same });
    }
    const precision = conversionOf(Object(keyOf(stage, "model")));
    if (precision !== null) {
      const way = "a model that is converted before: see `shardmill convert`";
      const key = CONVERSION?.key ?? "";
      refuse(context, [...path, "model", key], "is not supported in a stage", { expected: way });
    }
    if (keyOf(stage, "state") !== undefined && index < stages.length - 1) {
      const last = "`state` in the last stage only";
      refuse(context, [...path, "state"], "is not supported in this stage", { expected: last });
    }
  }
}

export function keyOf(value: unknown, key: string): unknown {
  return value !== null && typeof value === "object" && Object.hasOwn(value, key)
    ? Reflect.get(value, key)
    : undefined;
}
