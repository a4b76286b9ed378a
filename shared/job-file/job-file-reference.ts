import { describeType, entryValues, knownKeys, type SchemaNodes, schemaAt } from "./json-schema.ts";

/**
 * Renders the reference of the job file as a Markdown table. The schema gives all keys, types, defaults and
 * descriptions.
 */
export function renderJobFileReference(): string {
  return ["| key | type | default | meaning |", "|---|---|---|---|", ...rows(schemaAt([]), ""), ""].join(
    "\n",
  );
}

/**
 * Returns the table rows of the keys below a group, in the schema's order. `<name>` is a name that the user
 * chooses.
 */
function rows(group: SchemaNodes, prefix: string): readonly string[] {
  return knownKeys(group).flatMap((key) => {
    const parent = group.find((node) => node.properties !== undefined && Object.hasOwn(node.properties, key));
    const schema = parent?.properties?.[key];
    if (schema === undefined || typeof schema === "boolean") return [];
    const nodes = schema.anyOf === undefined ? [schema] : schemaBranches(schema.anyOf);
    const isRequired = parent?.required?.includes(key) === true;
    const name = `${prefix}${key}`;
    const cells = [
      `\`${name}\``,
      describeType(nodes),
      isRequired ? "required" : defaultOf(schema.default),
      schema.description ?? "",
    ];
    const entries = entryValues(nodes);
    const below = entries.length > 0 ? rows(entries, `${name}.<name>.`) : rows(nodes, `${name}.`);
    return [`| ${cells.map(cell).join(" | ")} |`, ...below];
  });
}

function schemaBranches(anyOf: readonly unknown[]): SchemaNodes {
  return anyOf.filter((node): node is SchemaNodes[number] => node !== null && typeof node === "object");
}

function defaultOf(value: unknown): string {
  if (value === undefined) return "";
  const isEmpty = value !== null && typeof value === "object" && Object.keys(value).length === 0;
  return isEmpty ? "" : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

/** Escapes pipes, which would end the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
