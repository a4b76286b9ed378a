import { isShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { below, type Location } from "../../shared/domain/location.ts";
import type { LakeFile, ReadLakeTable } from "../../shared/extension/format.ts";
import { fileGone, noRows, shown } from "../lake/table-error.ts";
import { readDeletionVector } from "./deletion-vector.ts";
import type { AddedFile, DeletionVector } from "./log/actions.ts";
import { dataPath } from "./log/data-path.ts";
import { mappingOf, refuseFeatures } from "./log/features.ts";
import { logCorrupt } from "./log/log-error.ts";
import { LogFiles, type LogSegment } from "./log/log-files.ts";
import { readCheckpoint } from "./log/read-checkpoint.ts";
import { type LogStorage, namesOfLog, type PlacedAction, readActions } from "./log/read-log.ts";
import { Replay, type Snapshot } from "./log/replay.ts";
import { readTableSchema } from "./log/table-schema.ts";
import type { DeltaForm, DeltaIndex } from "./op.ts";
import { partitionValue } from "./partition-value.ts";
import type { DeltaSpec } from "./spec.ts";
import { versionToRead } from "./version-to-read.ts";

const LOG = "_delta_log";

/** Stats at once. Each is a round trip. */
const STATS_AT_ONCE = 32;

/**
 * Reads one version of a Delta table from its log. Returns its files, and the values that they lack. Reads no
 * data file, and checks that each is there.
 *
 * @throws {SPEC_INVALID} for a version that the table does not have
 * @throws {INPUT_NOT_FOUND} when the version has no files, or a file of it is gone
 * @throws {INPUT_CORRUPT} {INPUT_UNSUPPORTED} and the STORE_ codes
 */
export const readTable = (async (table, { storage, options, signal }) => {
  const log = below(table, LOG);
  const spec = (options ?? {}) as DeltaSpec;
  const names = await namesOfLog(log, storage, signal);
  const files = new LogFiles(log, names);
  const version = await versionToRead({ log, files, spec, storage }, signal);
  const snapshot = await replay(log, files.segment(version), storage, signal);
  refuseFeatures(table, snapshot);
  refuseTimes(table, snapshot, spec);
  const { form, partitions } = formOf(table, version, snapshot);
  const planned = [...snapshot.files].map((file) => locate(table, { form, partitions }, file));
  if (planned.length === 0) throw noRows(table, `version ${version} of the Delta table`);
  planned.sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    files: await mapConcurrent(planned, STATS_AT_ONCE, (file) => look(file, { table, storage, signal })),
  };
}) satisfies ReadLakeTable;

async function replay(
  log: Location,
  { checkpoint, commits }: LogSegment,
  storage: LogStorage,
  signal: AbortSignal,
): Promise<Snapshot> {
  const replay = new Replay();
  const take = ({ action, place }: PlacedAction) => replay.take(action, place);
  if (checkpoint !== null) await readCheckpoint(log, checkpoint, { storage, take }, signal);
  for (const name of commits)
    for await (const placed of readActions(below(log, name), storage, signal)) take(placed);
  return replay.snapshot(log);
}

interface TableForm {
  readonly form: DeltaForm;
  /** Partition columns, by the names that they have in the log's actions. */
  readonly partitions: ReadonlyMap<string, Field>;
}

function formOf(table: Location, version: number, { metadata }: Snapshot): TableForm {
  const { schema, partitionColumns } = metadata;
  const by = mappingOf(table, metadata);
  const { fields, mapping, physical } = readTableSchema(schema, below(table, LOG), by);
  if (fields.length === 0)
    throw inputUnsupported(table, "a schema without columns", "add a column to the table");
  const known = new Map(fields.map((field) => [field.name, field]));
  const partitions = new Map<string, Field>();
  for (const name of partitionColumns) {
    const field = known.get(name);
    if (field === undefined)
      throw logCorrupt({
        path: table,
        where: "metadata",
        expected: "partition columns of the schema",
        found: name,
      });
    if (partitionValue("", field.type) === null)
      throw inputUnsupported(
        table,
        `a partition column \`${name}\` of type ${field.type.kind}`,
        "partition it by others",
      );
    partitions.set(physical.get(name) ?? name, field);
  }
  const read = fields.map(asRead(new Set(partitionColumns)));
  return { form: { kind: "delta", version, fields: read, partitionColumns, mapping }, partitions };
}

/** Files may have nulls whatever the schema says, and a partition may be null. */
function asRead(partitions: ReadonlySet<string>) {
  return (field: Field): Field => (partitions.has(field.name) ? { ...field, nullable: true } : field);
}

interface LocatedFile {
  readonly path: Location;
  readonly bytes: number;
  readonly index: Omit<DeltaIndex, "deleted">;
  readonly vector: DeletionVector | null;
}

function locate(table: Location, { form, partitions }: TableForm, file: AddedFile): LocatedFile {
  const path = dataPath(table, file.path);
  const values = [...partitions].map(([key, { name, type }]) => {
    const text = Object.hasOwn(file.values, key) ? file.values[key] : undefined;
    const where = `value of partition column ${name}`;
    if (text === undefined) throw logCorrupt({ path, where, expected: "a text or null", found: "nothing" });
    if (text === null || text === "") return null;
    const value = partitionValue(text, type) ?? undefined;
    if (value === undefined)
      throw logCorrupt({ path, where, expected: `a value of type ${type.kind}`, found: shown(text) });
    return value;
  });
  return { path, bytes: file.bytes, index: { form, values }, vector: file.deletionVector };
}

interface LookOptions {
  readonly table: Location;
  readonly storage: LogStorage;
  readonly signal: AbortSignal;
}

async function look(
  { path, bytes, index, vector }: LocatedFile,
  { table, storage, signal }: LookOptions,
): Promise<LakeFile> {
  const stat = await storage.stat(path, signal).catch((error: unknown) => {
    throw isShardmillError(error, "STORE_NOT_FOUND") ? vacuumed(path, index.form.version) : error;
  });
  if (stat.bytes !== bytes)
    throw logCorrupt({
      path,
      where: "size",
      expected: `${bytes} bytes, as the log has it`,
      found: `${stat.bytes} bytes`,
    });
  const deleted =
    vector === null ? null : await readDeletionVector({ table, file: path, vector }, storage, signal);
  const whole: DeltaIndex = { ...index, deleted };
  return { path, stat, index: whole };
}

function vacuumed(path: Location, version: number): Error {
  const hint = "VACUUM removes files of earlier versions: read a newer version, or restore the file";
  return fileGone(path, `version ${version} of its Delta table`, hint);
}

/** @throws {INPUT_UNSUPPORTED} when the times of commits are in the log, and not those of its files */
function refuseTimes(table: Location, { metadata }: Snapshot, { asOf }: DeltaSpec): void {
  if (asOf === undefined || metadata.configuration["delta.enableInCommitTimestamps"] !== "true") return;
  const hint = "set input.delta.version: the history of the table has the version of each time";
  throw inputUnsupported(table, "times of its own for commits (`inCommitTimestamp`)", hint);
}
