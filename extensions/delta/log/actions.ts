import { shown } from "../../lake/table-error.ts";
import { logCorrupt } from "./log-error.ts";

/** Place of an action, for messages. */
export interface ActionPlace {
  readonly path: string;
  readonly where: string;
}

/** Data file of a version of the table. */
export interface AddedFile {
  /** Path as the log has it: relative and percent-encoded, or absolute. */
  readonly path: string;
  readonly bytes: number;
  /** Values of the partition columns, as text. Null and an empty text: the value is null. */
  readonly values: Readonly<Record<string, string | null>>;
  /** Rows that are deleted from the file. Null: none are. */
  readonly deletionVector: DeletionVector | null;
}

/** Place of a set of deleted rows. */
export interface DeletionVector {
  /** Inline, in a file that is relative to the table, or in one at a path. */
  readonly storage: "i" | "u" | "p";
  /** The set itself, or the name or path of its file. */
  readonly place: string;
  /** Offset in the file. */
  readonly offset: number;
  /** Bytes of the set. */
  readonly bytes: number;
  /** Count of deleted rows. */
  readonly rows: number;
}

export interface Protocol {
  readonly minReaderVersion: number;
  readonly readerFeatures: readonly string[];
}

export interface Metadata {
  /** Schema as JSON. */
  readonly schema: string;
  readonly provider: string;
  readonly partitionColumns: readonly string[];
  readonly configuration: Readonly<Record<string, unknown>>;
}

export type LogAction =
  | { readonly kind: "add"; readonly key: string; readonly file: AddedFile }
  | { readonly kind: "remove"; readonly key: string }
  | { readonly kind: "protocol"; readonly protocol: Protocol }
  | { readonly kind: "metadata"; readonly metadata: Metadata }
  | { readonly kind: "sidecar"; readonly path: string };

/** Longest path of a file, in characters. Stores allow a kilobyte. */
const MOST_PATH_CHARS = 4_096;

/**
 * Reads an action. Null: an action that does not change which rows the table has, or an unknown one.
 *
 * @throws {INPUT_CORRUPT}
 */
export function readAction(value: unknown, place: ActionPlace): LogAction | null {
  const action = new Facts(value, "action", place);
  const { add, remove, protocol, metaData, sidecar } = action.facts;
  if (isThere(add)) {
    const facts = new Facts(add, "add", place);
    const file = addedFile(facts);
    return { kind: "add", key: fileKey(file.path, vectorId(facts)), file };
  }
  if (isThere(remove)) {
    const facts = new Facts(remove, "remove", place);
    return { kind: "remove", key: fileKey(facts.text("path"), vectorId(facts)) };
  }
  if (isThere(protocol))
    return { kind: "protocol", protocol: protocolOf(new Facts(protocol, "protocol", place)) };
  if (isThere(metaData))
    return { kind: "metadata", metadata: metadataOf(new Facts(metaData, "metaData", place)) };
  if (isThere(sidecar)) return { kind: "sidecar", path: new Facts(sidecar, "sidecar", place).text("path") };
  return null;
}

/** Returns the key of a file in the log: its path, and which of its rows are deleted. */
function fileKey(path: string, vector: string | null): string {
  return vector === null ? path : `${path} ${vector}`;
}

function addedFile(facts: Facts): AddedFile {
  const path = facts.text("path");
  if (path === "" || path.length > MOST_PATH_CHARS)
    throw facts.fault("path", `1 to ${MOST_PATH_CHARS} characters`, path);
  return {
    path,
    bytes: facts.count("size"),
    values: facts.texts("partitionValues"),
    deletionVector: deletionVector(facts),
  };
}

function deletionVector(facts: Facts): DeletionVector | null {
  if (!isThere(facts.facts.deletionVector)) return null;
  const vector = facts.inner("deletionVector");
  const storage = vector.text("storageType");
  if (storage !== "i" && storage !== "u" && storage !== "p")
    throw vector.fault("storageType", "i, u or p", storage);
  return {
    storage,
    place: vector.text("pathOrInlineDv"),
    offset: isThere(vector.facts.offset) ? vector.count("offset") : 0,
    bytes: vector.count("sizeInBytes"),
    rows: vector.count("cardinality"),
  };
}

/** Returns the unique id of a deletion vector, as the protocol defines it. */
function vectorId(facts: Facts): string | null {
  const value = facts.facts.deletionVector;
  if (!isThere(value)) return null;
  const vector = facts.inner("deletionVector");
  const offset = vector.facts.offset;
  const id = `${vector.text("storageType")}${vector.text("pathOrInlineDv")}`;
  return isThere(offset) ? `${id}@${vector.count("offset")}` : id;
}

function protocolOf(facts: Facts): Protocol {
  const minReaderVersion = facts.count("minReaderVersion");
  return { minReaderVersion, readerFeatures: minReaderVersion < 3 ? [] : facts.list("readerFeatures") };
}

function metadataOf(facts: Facts): Metadata {
  return {
    schema: facts.text("schemaString"),
    provider: isThere(facts.facts.format) ? facts.inner("format").text("provider") : "parquet",
    partitionColumns: facts.list("partitionColumns"),
    configuration: isThere(facts.facts.configuration) ? facts.inner("configuration").facts : {},
  };
}

function isThere(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** Checked access to the keys of an action. */
class Facts {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly #name: string;
  readonly #place: ActionPlace;

  constructor(value: unknown, name: string, place: ActionPlace) {
    this.#name = name;
    this.#place = place;
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw logCorrupt({ ...place, expected: `an object as \`${name}\``, found: shown(value) });
    this.facts = value as Record<string, unknown>;
  }

  inner(key: string): Facts {
    return new Facts(this.facts[key], `${this.#name}.${key}`, this.#place);
  }

  text(key: string): string {
    const value = this.facts[key];
    if (typeof value !== "string") throw this.fault(key, "a text", value);
    return value;
  }

  count(key: string): number {
    const value = Number(this.facts[key] ?? Number.NaN);
    if (!Number.isSafeInteger(value) || value < 0) throw this.fault(key, "a whole number", this.facts[key]);
    return value;
  }

  list(key: string): readonly string[] {
    const value = this.facts[key];
    if (!Array.isArray(value) || value.some((each) => typeof each !== "string"))
      throw this.fault(key, "a list of texts", value);
    return value as string[];
  }

  texts(key: string): AddedFile["values"] {
    const { facts } = this.inner(key);
    for (const value of Object.values(facts))
      if (value !== null && typeof value !== "string") throw this.fault(key, "texts and nulls", value);
    return facts as Record<string, string | null>;
  }

  fault(key: string, expected: string, found: unknown): Error {
    return logCorrupt({
      ...this.#place,
      expected: `${expected} as \`${this.#name}.${key}\``,
      found: shown(found),
    });
  }
}
