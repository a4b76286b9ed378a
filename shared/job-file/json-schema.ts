import * as z from "zod";
import { JOB_RUNS } from "../domain/job-runs.ts";
import { JOB_FILE_SCHEMA } from "../domain/job-spec.ts";
import type { KeyPath } from "./key-path.ts";

type JsonSchema = z.core.JSONSchema.JSONSchema;
/** Schemas of one place in a job file: the branches of a union. */
export type SchemaNodes = readonly JsonSchema[];

let made: JsonSchema | null = null;

/** Returns the schema of a job file. Makes it at the first call, because most job files need none of it. */
function rootSchema(): JsonSchema {
  made ??= z.toJSONSchema(JOB_FILE_SCHEMA, { io: "input" });
  return made;
}

/** Returns the JSON Schema (draft 2020-12) of job files, for editors and for checks before a run. */
export function jobSpecJsonSchema(): object {
  const { $schema, required = [], ...rest } = structuredClone(rootSchema());
  return {
    $schema: $schema ?? "https://json-schema.org/draft/2020-12/schema",
    $id: "urn:shardmill:job:v1",
    title: "Shardmill job",
    description: "A dataset, the model or steps for its rows, and the result.",
    ...rest,
    ...withInput(required),
  };
}

/** Requires an input, or runs that have an input of their own. */
function withInput(required: readonly string[]): object {
  if (JOB_RUNS === null) return { required };
  const { key, input } = JOB_RUNS;
  return {
    required: required.filter((name) => name !== "input"),
    anyOf: [has("input", { type: "object" }), has(key, has(input.key, { type: "string" }))],
  };
}

/** Requires a key that the schema describes elsewhere. */
function has(key: string, value: object): object {
  return {
    type: "object",
    properties: { [key]: { description: `See \`${key}\`.`, ...value } },
    required: [key],
  };
}

/** Returns the schemas at a path. Empty: no job file has this path. */
export function schemaAt(path: KeyPath): SchemaNodes {
  let nodes = branches(rootSchema());
  for (const key of path) nodes = nodes.flatMap((node) => child(node, key));
  return nodes;
}

/** Returns the keys of a group, in the schema's order. Empty: the group accepts any names. */
export function knownKeys(nodes: SchemaNodes): readonly string[] {
  return nodes.flatMap((node) => Object.keys(node.properties ?? {}));
}

/** Returns the allowed words of a place: `auto`, `cpu`, ... */
export function choices(nodes: SchemaNodes): readonly string[] {
  return nodes.flatMap((node) => node.enum ?? (node.const === undefined ? [] : [node.const])).map(String);
}

/** Checks whether a place accepts values of a type. */
export function accepts(nodes: SchemaNodes, type: "string" | "number" | "boolean"): boolean {
  return nodes.some(({ type: own }) => {
    const types: readonly unknown[] = [own].flat();
    return types.includes(type) || (type === "number" && types.includes("integer"));
  });
}

/** Returns the schemas of the names in a group of named entries. */
export function entryNames(nodes: SchemaNodes): SchemaNodes {
  return nodes.flatMap((node) => toNodes(node.propertyNames));
}

/** Returns the schemas of the values in a group of named entries. */
export function entryValues(nodes: SchemaNodes): SchemaNodes {
  return nodes.flatMap((node) => toNodes(node.additionalProperties));
}

/** Describes a type, for messages and the reference: "`auto` or a whole number from 1 to 1,048,576". */
export function describeType(nodes: SchemaNodes): string {
  const phrases = nodes.flatMap((node) => (node.enum ?? []).map((choice) => `\`${String(choice)}\``));
  for (const node of nodes) if (node.enum === undefined) phrases.push(describeNode(node));
  const unique = [...new Set(phrases)];
  const last = unique.pop() ?? "nothing";
  return unique.length === 0 ? last : `${unique.join(", ")} or ${last}`;
}

function describeNode(node: JsonSchema): string {
  if (node.title !== undefined) return node.title;
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (Array.isArray(node.type)) return describeType(node.type.map((type): JsonSchema => ({ type })));
  switch (node.type) {
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "number":
      return describeNumber(node.minimum, node.maximum);
    case "integer":
      return describeInteger(node.minimum, node.maximum);
    case "array":
      return `a list of ${plural(describeType(toNodes(node.items)))}`;
    case "object":
      return node.properties === undefined ? "named entries" : "a group of keys";
    default:
      return String(node.type ?? "anything");
  }
}

function describeInteger(minimum: number | undefined, maximum: number | undefined): string {
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  const least = minimum ?? Number.MIN_SAFE_INTEGER;
  return bounded
    ? `a whole number from ${least} to ${maximum.toLocaleString("en-US")}`
    : `a whole number of at least ${least}`;
}

function describeNumber(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum === undefined) return maximum === undefined ? "a number" : `a number of at most ${maximum}`;
  return maximum === undefined
    ? `a number of at least ${minimum}`
    : `a number from ${minimum} to ${maximum.toLocaleString("en-US")}`;
}

function plural(phrase: string): string {
  return phrase.replace(/^a whole number/, "whole numbers").replace(/^a number/, "numbers");
}

function child(node: JsonSchema, key: string | number): SchemaNodes {
  if (typeof key === "number") return toNodes(node.items);
  const { properties } = node;
  if (properties !== undefined) return Object.hasOwn(properties, key) ? toNodes(properties[key]) : [];
  return toNodes(node.additionalProperties);
}

function toNodes(schema: unknown): SchemaNodes {
  const [first] = Array.isArray(schema) ? schema : [schema];
  return isSchema(first) ? branches(first) : [];
}

function branches(node: JsonSchema): SchemaNodes {
  return node.anyOf === undefined ? [node] : node.anyOf.flatMap(toNodes);
}

function isSchema(value: unknown): value is JsonSchema {
  return value !== null && typeof value === "object";
}
