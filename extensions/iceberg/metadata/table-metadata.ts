import { gunzipSync } from "node:zlib";
import { parse } from "lossless-json";
import * as z from "zod";
import { PARSED_ONCE } from "../../../shared/core/zod.ts";
import type { Location } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { shown } from "../../lake/table-error.ts";
import { tableCorrupt, tableUnsupported } from "./iceberg-error.ts";
import { MOST_BYTES, readWhole } from "./read-whole.ts";

/** Newest version of the format that is read. Of version 3, tables without its new features are. */
const FORMAT_VERSION = 3;

/** Ids are 64 bits, and are kept as text, because numbers have 53. */
const ID = z.union([z.int(), z.string().regex(/^-?\d{1,19}$/)]).transform(String);

const SNAPSHOT = z.object({
  "snapshot-id": ID,
  "sequence-number": z.int().min(0).default(0),
  "timestamp-ms": z.int(),
  "manifest-list": z.string().optional(),
  manifests: z.array(z.string()).optional(),
  "schema-id": z.int().nullish(),
  summary: z.record(z.string(), z.unknown()).nullish(),
});

const SPEC_FIELD = z.object({ "source-id": z.int().optional(), transform: z.string(), name: z.string() });

const METADATA = z.object({
  "format-version": z.int().min(1),
  location: z.string().min(1).max(4_096),
  schema: z.unknown().optional(),
  schemas: z.array(z.looseObject({ "schema-id": z.int() })).optional(),
  "current-schema-id": z.int().optional(),
  "partition-spec": z.array(SPEC_FIELD).optional(),
  "partition-specs": z.array(z.object({ "spec-id": z.int(), fields: z.array(SPEC_FIELD) })).optional(),
  properties: z.record(z.string(), z.string()).nullish(),
  "current-snapshot-id": ID.nullish(),
  snapshots: z.array(SNAPSHOT).nullish(),
  "snapshot-log": z.array(z.object({ "snapshot-id": ID, "timestamp-ms": z.int() })).nullish(),
  refs: z.record(z.string(), z.object({ "snapshot-id": ID, type: z.string() })).nullish(),
  "encryption-keys": z.array(z.unknown()).nullish(),
});

export interface Snapshot {
  readonly id: string;
  readonly sequence: number;
  /** Time of its commit, in milliseconds since 1970. */
  readonly at: number;
  /** Path of the list of its manifests. Null: tables of version 1 may have the manifests here. */
  readonly list: string | null;
  readonly manifests: readonly string[];
  /** Null: the schema of the table. */
  readonly schema: number | null;
  /** Counts of its files, by its summary. Null: unknown. */
  readonly counted: { readonly files: number | null; readonly deletes: number | null };
}

/** Field of a partition: a column of the table, transformed. */
export interface PartitionField {
  /** Id of the column. */
  readonly source: number;
  readonly transform: string;
}

/** State of a table, from one file of its metadata. */
export interface TableMetadata {
  readonly path: Location;
  /** Folder of the table when it was written. */
  readonly location: string;
  /** Schemas as JSON, by id. */
  readonly schemas: ReadonlyMap<number, unknown>;
  readonly currentSchema: number;
  /** Fields of partitions, by the id of their specification. */
  readonly specs: ReadonlyMap<number, readonly PartitionField[]>;
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** Null: the table is empty. */
  readonly current: string | null;
  /** Snapshots that were current, in the order of time. */
  readonly history: readonly { readonly snapshot: string; readonly at: number }[];
  readonly refs: ReadonlyMap<string, { readonly snapshot: string; readonly isTag: boolean }>;
  /** JSON that names the columns of files without field ids. Null: none. */
  readonly nameMapping: string | null;
}

/**
 * Reads a file with the metadata of a table.
 *
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the STORE_ codes
 */
export async function readMetadata(
  path: Location,
  storage: Pick<Storage, "stat" | "read">,
  signal: AbortSignal,
): Promise<TableMetadata> {
  const content = await readWhole(path, storage, signal);
  const json = parsed(path, unpacked(path, content));
  const found = METADATA.safeParse(json, PARSED_ONCE);
  if (!found.success) {
    const [issue] = found.error.issues;
    const where = issue?.path.join(".") || "metadata";
    throw tableCorrupt({
      path,
      where,
      expected: "metadata of an Iceberg table",
      found: issue?.message ?? "none",
    });
  }
  return metadataOf(path, found.data);
}

function unpacked(path: string, content: Buffer): string {
  if (content[0] !== 0x1f || content[1] !== 0x8b) return content.toString("utf8");
  try {
    return gunzipSync(content, { maxOutputLength: MOST_BYTES }).toString("utf8");
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw tableCorrupt({ path, where: "compression", expected: "gzip", found, cause: error });
  }
}

function parsed(path: string, text: string): unknown {
  try {
    return parse(text, undefined, numberOf);
  } catch (error) {
    throw tableCorrupt({
      path,
      where: "metadata",
      expected: "JSON",
      found: shown(text.slice(0, 40)),
      cause: error,
    });
  }
}

/** Whole numbers that a number cannot hold stay text. */
function numberOf(text: string): number | string {
  const value = Number(text);
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? text : value;
}

function metadataOf(path: Location, found: z.infer<typeof METADATA>): TableMetadata {
  const version = found["format-version"];
  if (version > FORMAT_VERSION) throw tableUnsupported(path, `version ${version} of the format`);
  if ((found["encryption-keys"] ?? []).length > 0) throw tableUnsupported(path, "encrypted files");
  const schemas = new Map<number, unknown>(found.schemas?.map((schema) => [schema["schema-id"], schema]));
  // Tables of version 1 may have only one schema, without an id.
  if (schemas.size === 0) schemas.set(0, found.schema);
  const specs = found["partition-specs"] ?? [{ "spec-id": 0, fields: found["partition-spec"] ?? [] }];
  const current = found["current-snapshot-id"] ?? "-1";
  return {
    path,
    location: found.location,
    schemas,
    currentSchema: found.schemas === undefined ? 0 : (found["current-schema-id"] ?? 0),
    specs: new Map(
      specs.map(({ "spec-id": id, fields }) => [id, fields.map((field) => fieldOf(path, field))]),
    ),
    snapshots: new Map((found.snapshots ?? []).map((each) => [each["snapshot-id"], snapshotOf(each)])),
    current: current === "-1" ? null : current,
    history: (found["snapshot-log"] ?? []).map((each) => {
      return { snapshot: each["snapshot-id"], at: each["timestamp-ms"] };
    }),
    refs: new Map(
      Object.entries(found.refs ?? {}).map(([name, ref]) => [
        name,
        { snapshot: ref["snapshot-id"], isTag: ref.type === "tag" },
      ]),
    ),
    nameMapping: found.properties?.["schema.name-mapping.default"] ?? null,
  };
}

function fieldOf(path: string, field: z.infer<typeof SPEC_FIELD>): PartitionField {
  const { "source-id": source, transform, name } = field;
  if (source === undefined) throw tableUnsupported(path, `a partition field \`${name}\` of several columns`);
  return { source, transform };
}

function snapshotOf(found: z.infer<typeof SNAPSHOT>): Snapshot {
  return {
    id: found["snapshot-id"],
    sequence: found["sequence-number"],
    at: found["timestamp-ms"],
    list: found["manifest-list"] ?? null,
    manifests: found.manifests ?? [],
    schema: found["schema-id"] ?? null,
    counted: {
      files: totalOf(found.summary?.["total-data-files"]),
      deletes: totalOf(found.summary?.["total-delete-files"]),
    },
  };
}

/** Summaries are optional, and their counts are text. */
function totalOf(text: unknown): number | null {
  return typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
