import { ShardmillError } from "../../../shared/core/errors.ts";
import type { Metadata, Protocol } from "./actions.ts";
import type { ColumnMapping } from "./table-schema.ts";

/** Features of tables that Shardmill reads. Some of them do not change how rows are read. */
const READS = new Set([
  "timestampNtz",
  "deletionVectors",
  "v2Checkpoint",
  "vacuumProtocolCheck",
  "columnMapping",
]);

const UPGRADE = "copy the table with the tools that write it, into one without the feature";

/** Newest version of readers that this one follows. */
const READER_VERSION = 3;

/**
 * Refuses a table whose rows can only be read by a reader with another feature.
 *
 * @throws {INPUT_UNSUPPORTED} naming each feature
 */
export function refuseFeatures(
  path: string,
  { protocol, metadata }: { readonly protocol: Protocol; readonly metadata: Metadata },
): void {
  const { minReaderVersion, readerFeatures } = protocol;
  if (minReaderVersion > READER_VERSION)
    throw unsupported(path, [`version ${minReaderVersion} of the protocol for readers`]);
  const unknown = readerFeatures.filter((feature) => !READS.has(feature));
  if (unknown.length > 0)
    throw unsupported(
      path,
      unknown.map((feature) => `the feature \`${feature}\``),
    );
  if (metadata.provider !== "parquet") throw unsupported(path, [`data files of format ${metadata.provider}`]);
}

/**
 * Returns the property by which a table finds the columns of its files. Null: their names are its own.
 *
 * @throws {INPUT_UNSUPPORTED} for another one than name and id
 */
export function mappingOf(path: string, { configuration }: Metadata): ColumnMapping["by"] {
  const mode = configuration["delta.columnMapping.mode"] ?? "none";
  if (mode === "none") return null;
  if (mode === "name" || mode === "id") return mode;
  throw unsupported(path, [`columns that are mapped by \`${String(mode)}\``]);
}

function unsupported(path: string, what: readonly string[]): ShardmillError {
  const [first = ""] = what;
  const message = `the Delta table ${path} uses ${what.join(", ")}, which is not supported`;
  return new ShardmillError("INPUT_UNSUPPORTED", message, {
    fields: { path, what: first },
    problems: what.map((each) => ({ where: path, what: `uses ${each}`, hint: UPGRADE })),
    hint: UPGRADE,
  });
}
