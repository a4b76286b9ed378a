import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { caseText } from "../../fault/torture/case-text.ts";
import { DuckdbHand } from "../../fault/torture/duckdb-hand.ts";
import { makeCase } from "../../fault/torture/make-case.ts";
import { rowsOf } from "../../fault/torture/torture-case.ts";
import { tryCase } from "../../fault/torture/try-case.ts";

/** A part of `npm run torture` with its own seed: whole jobs over generated data, compared by DuckDB. */
const SEED = 11;
const CASES = 5;

let hand: DuckdbHand;
beforeAll(async () => {
  hand = await DuckdbHand.open();
});
afterAll(async () => await hand[Symbol.asyncDispose]());

test.each(Array.from({ length: CASES }, (_, index) => index))(
  `seed ${SEED}, case %d: every row and value of a generated job is correct`,
  async (index) => {
    const torture = makeCase({ seed: SEED, index, hand: "duckdb" });
    const due = { kind: "right", rows: rowsOf(torture) };
    expect(await tryCase(torture, hand), caseText(torture)).toEqual(due);
  },
  300_000,
);

test("the comparison detects a wrong value, a missing row and a duplicate row", async () => {
  const room = await mkdtemp(join(tmpdir(), "shardmill-torture-"));
  try {
    const torture = wellFilled();
    expect(await tryCase(torture, hand, room)).toEqual({ kind: "right", rows: 20 });
    const folder = join(room, torture.folder);
    const rows = join(folder, "out", "rows");
    const [part = ""] = await readdir(rows);
    const damages: [string, string][] = [
      ["UPDATE t SET id = id + 1000000 WHERE id = 3", "rows missing"],
      ["DELETE FROM t WHERE id = 3", "rows missing"],
      ["INSERT INTO t SELECT * FROM t WHERE id = 3", "rows more"],
      ["UPDATE t SET kept = xor(kept, 1) WHERE id = 3", "values that differ"],
      ["UPDATE t SET y = NULL WHERE id = 3", "values that differ"],
    ];
    for (const [damage, found] of damages) {
      await rewrite(join(rows, part), damage, join(room, "whole.parquet"));
      const problems = await hand.judge(torture, folder);
      expect(problems.join("\n"), damage).toContain(found);
      expect(problems.join("\n"), damage).toContain("differs from the manifest");
    }
  } finally {
    await rm(room, { recursive: true, force: true });
  }
});

/** Returns a plain case of one file and one shard. */
function wellFilled() {
  const torture = makeCase({ seed: SEED, index: 0, hand: "duckdb" });
  return {
    ...torture,
    folder: "job",
    files: [{ name: "part-0.parquet", rows: 20 }],
    id: "id",
    x: { name: "x", dtype: "float32", width: null, shape: "scalar", nulls: 0 } as const,
    kept: [{ name: "kept", type: { kind: "int32" } as const, nulls: 0, longest: 12 }],
    outputRows: "parquet" as const,
    shardRows: "auto" as const,
  };
}

/** Damages the file as it was first published. `original` keeps that version between calls. */
async function rewrite(path: string, damage: string, original: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    const first = await connection.runAndReadAll(`SELECT count(*) FROM glob('${original}')`);
    if (Number(first.getRowsJson()[0]?.[0]) === 0)
      await connection.run(`COPY (SELECT * FROM '${path}') TO '${original}' (FORMAT parquet)`);
    await connection.run(`CREATE TABLE t AS SELECT * FROM '${original}'`);
    await connection.run(damage);
    await connection.run(`COPY t TO '${path}' (FORMAT parquet)`);
  } finally {
    connection.disconnectSync();
    instance.closeSync();
  }
}
