import * as z from "zod";
import { present } from "../../shared/core/assert.ts";
import { messageOf, type Problem } from "../../shared/core/errors.ts";
import { parseDurationMs } from "../../shared/core/units.ts";
import { findColumn } from "../../shared/dataset/columns.ts";
import { takenColumns } from "../../shared/dataset/taken-columns.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { StepColumn } from "../../shared/domain/step-binding.ts";
import type { PlannedStep, Refused, StepPlanner } from "../../shared/extension/step-part.ts";
import { fieldOfType } from "../../shared/values/value-type.ts";
import { answerColumns, answerTypes, closed } from "./answer-type.ts";
import type { AskOp } from "./op.ts";
import type { AskSpec } from "./spec.ts";
import { columnsOf, parseTemplate } from "./template.ts";

/** Plans a step that asks a server about each row. */
export function planAsk(
  spec: AskSpec,
  { where, fields }: Pick<Parameters<StepPlanner>[1], "where" | "fields">,
): PlannedStep | Refused {
  const { system, prompt, answer } = spec;
  const problems: Problem[] = [...urlProblems(spec.url, `${where}.url`), ...secretProblems(spec, where)];
  const reads = new Set<string>();
  for (const [key, text] of Object.entries({ ...(system === undefined ? {} : { system }), prompt })) {
    const { parts, strayAt } = parseTemplate(text);
    if (strayAt !== null) problems.push(strayBrace(`${where}.${key}`, text, strayAt));
    for (const name of columnsOf(parts)) {
      problems.push(...columnProblems(name, fields, `${where}.${key}`));
      reads.add(name);
    }
  }
  if (answer !== undefined) problems.push(...schemaProblems(answer, `${where}.answer`));
  const made = answerColumns({ ...spec, answer: answer ?? null });
  const names = made.map(({ name }) => name);
  problems.push(...takenColumns(names, fields, where));
  if (spec.tokens !== undefined && names.indexOf(spec.tokens) < names.length - 1)
    problems.push({ where: `${where}.tokens`, what: "is also a column of the answer", found: spec.tokens });
  if (problems.length > 0) return { problems };
  const columns: readonly StepColumn[] = [
    ...fields.map((field) => ({ ...field, from: field.name })),
    ...made.map((type) => ({ ...fieldOfType(type), from: null })),
  ];
  return { data: { ...opOf(spec) }, files: [], reads: [...reads], columns };
}

/** Returns the problems of an answer's schema. */
function schemaProblems(answer: NonNullable<AskSpec["answer"]>, where: string): readonly Problem[] {
  const { problems } = answerTypes(answer, where);
  if (problems.length > 0) return problems;
  try {
    z.fromJSONSchema(closed(answer) as z.core.JSONSchema.JSONSchema);
    return [];
  } catch (error) {
    return [{ where, what: `is not a JSON Schema: ${messageOf(error)}` }];
  }
}

function opOf({ perMinute, key, patience, timeout, ...spec }: AskSpec): AskOp {
  const ms = (duration: string) => present(parseDurationMs(duration), "durations were checked");
  return {
    url: spec.url,
    model: spec.model,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...spec.headers },
    system: spec.system ?? null,
    prompt: spec.prompt,
    answer: spec.answer ?? null,
    column: spec.column,
    ...(spec.tokens === undefined ? {} : { tokens: spec.tokens }),
    request: spec.request,
    concurrency: spec.concurrency,
    requestsPerMinute: perMinute.requests ?? null,
    tokensPerMinute: perMinute.tokens ?? null,
    patienceMs: ms(patience),
    timeoutMs: Math.max(1_000, ms(timeout)),
  };
}

function urlProblems(url: string, where: string): readonly Problem[] {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isGood = parsed !== null && ["http:", "https:"].includes(parsed.protocol) && parsed.username === "";
  if (isGood) return [];
  const expected = "http://HOST:PORT/v1/chat/completions or https://..., without a password";
  return [{ where, what: "is not the address of a server", expected }];
}

const REFERENCE = /\$\{[A-Za-z_][A-Za-z0-9_]*\}/;

/** Reports a secret that is written out. The problem does not repeat it. */
function secretProblems({ key, headers }: AskSpec, where: string): readonly Problem[] {
  const problems: Problem[] = [];
  if (key !== undefined && key.replace(REFERENCE, "") !== "")
    problems.push({
      where: `${where}.key`,
      what: "is not a reference to a variable",
      expected: "`${LLM_KEY}`, which workers take from their environment",
      hint: "a key in a job file would reach the journal and the workers' logs",
    });
  for (const name of Object.keys(headers))
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
      problems.push({ where: `${where}.headers`, what: `\`${name}\` is not the name of a header` });
  return problems;
}

function strayBrace(where: string, text: string, at: number): Problem {
  return {
    where,
    what: `has a stray brace at character ${at + 1}`,
    expected: "`{column}`",
    found: JSON.stringify(text.slice(at, at + 20)),
    hint: "write `{{` and `}}` for plain braces",
  };
}

function columnProblems(name: string, fields: readonly Field[], where: string): readonly Problem[] {
  const { field, problems } = findColumn(fields, name, where);
  if (problems.length > 0)
    return problems.map((problem) => ({ hint: "write `{{` for a plain brace", ...problem }));
  if (field === null || isText(field.type)) return [];
  const expected = "text, numbers, booleans, or lists and structs of them";
  return [
    {
      where,
      what: `column \`${name}\` cannot be part of a text`,
      expected,
      hint: "convert it in a SQL step",
    },
  ];
}

function isText(type: FieldType): boolean {
  switch (type.kind) {
    case "string":
    case "numeric":
      return true;
    case "list":
    case "fixedList":
      return isText(type.item);
    case "struct":
      return type.fields.every((field) => isText(field.type));
    case "dictionary":
      return isText(type.values);
    default:
      return false;
  }
}
