import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { NEVER } from "../../shared/core/abort.ts";
import { digestFile } from "../../shared/core/digest.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import {
  type DeadLetter,
  type PartialFile,
  type PartialManifest,
  partialFolder,
} from "../../shared/domain/partial.ts";
import { partialDigest } from "../../shared/domain/partial-digest.ts";
import { type PlannedPartialFile, partialLayout } from "../../shared/domain/partial-layout.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { rowCounts } from "./builders.ts";

export interface PartialRecipe {
  readonly shard: number;
  /** SQL of the mapped rows. */
  readonly rows: string;
  readonly dead?: readonly DeadLetter[];
  readonly executionId?: string;
}

export interface PartialsOptions {
  readonly partialsPath: string;
  readonly tempFolder: string;
  readonly reduce?: JobSpec["reduce"];
}

/**
 * Writes partials as a worker would, with DuckDB: rows.parquet, errors.parquet and a combined table per
 * reduction.
 */
export async function writePartials(
  options: PartialsOptions,
  recipes: readonly PartialRecipe[],
): Promise<PartialManifest[]> {
  await mkdir(options.partialsPath, { recursive: true });
  await using database = await openLockedDatabase({
    folders: [options.partialsPath],
    tempFolder: options.tempFolder,
  });
  const partials: PartialManifest[] = [];
  for (const recipe of recipes) {
    const { shard, dead = [] } = recipe;
    const executionId = asExecutionId(recipe.executionId ?? `execution${shard}`);
    const token = { generation: 1, sequence: shard + 1 };
    const folder = join(options.partialsPath, partialFolder({ shard: shardId(shard), token, executionId }));
    await mkdir(folder);
    const files: PartialFile[] = [];
    const add = async ({ kind, name, ...file }: PlannedPartialFile, sql: string) => {
      const by = "by" in file ? file.by : null;
      const { rows } = await database.copyTo({ where: name, sql }, join(folder, name), {
        storedFor: kind === "combined" ? "partial" : "published",
        ...(by === null ? {} : { by }),
      });
      files.push({ kind, name, rows, ...(await digestFile(join(folder, name), NEVER)) });
      return rows;
    };
    const shape = { rowsFormat: "parquet", reduce: options.reduce ?? {} } as const;
    let rowsOut = 0;
    for (const file of partialLayout(shape, { hasDeadLetters: dead.length > 0 })) {
      if (file.kind === "errors") await add(file, deadSql(dead));
      else if (file.kind === "combined") await add(file, file.combine ?? "");
      else {
        rowsOut = await add(file, recipe.rows);
        const scan = parquetScan([join(folder, file.name)]);
        await database.run(`CREATE OR REPLACE VIEW rows AS FROM ${scan}`);
      }
    }
    partials.push({
      shard: shardId(shard),
      token,
      executionId,
      ...rowCounts(rowsOut, { rowsIn: rowsOut + dead.length, rowsDeadLettered: dead.length }),
      firstDeadLetter: dead[0] ?? null,
      files,
      digest: partialDigest(files),
    });
  }
  return partials;
}

function deadSql(dead: readonly DeadLetter[]): string {
  const rows = dead.map(
    ({ file, row, stage, code, message }) =>
      `('${file}', ${row}::BIGINT, '${stage}', '${code}', '${message}', 7::INTEGER)`,
  );
  return `FROM (VALUES ${rows.join(", ")}) t(file, row, stage, code, message, id)`;
}

export function aDeadLetter(fields: Partial<DeadLetter> = {}): DeadLetter {
  return { file: "a.parquet", row: 1, stage: "infer", code: "ROW_FAILED", message: "no", ...fields };
}
