import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, test } from "vitest";

/**
 * Hashes of keys, by the expressions of the keys. They decide the bucket of a row, and the buckets of all
 * shards of a job are read together. A DuckDB with other hashes puts rows of one key into another bucket. So
 * only workers with the version of DuckDB in the job's mapping may work on it (see decision 106).
 */
const HASHES = [
  ["0::TINYINT", 0n],
  ["1::TINYINT", 4_717_996_019_076_358_352n],
  ["-1::TINYINT", 4_739_667_815_145_166_545n],
  ["100::TINYINT", 704_719_932_875_954_298n],
  ["0::SMALLINT", 0n],
  ["1::SMALLINT", 4_717_996_019_076_358_352n],
  ["-1::SMALLINT", 4_739_667_815_145_166_545n],
  ["100::SMALLINT", 704_719_932_875_954_298n],
  ["0::INTEGER", 0n],
  ["1::INTEGER", 4_717_996_019_076_358_352n],
  ["-1::INTEGER", 4_739_667_815_145_166_545n],
  ["100::INTEGER", 704_719_932_875_954_298n],
  ["0::BIGINT", 0n],
  ["1::BIGINT", 4_717_996_019_076_358_352n],
  ["-1::BIGINT", 4_939_931_809_569_846_361n],
  ["100::BIGINT", 704_719_932_875_954_298n],
  ["0::HUGEINT", 0n],
  ["1::HUGEINT", 4_717_996_019_076_358_352n],
  ["-1::HUGEINT", 0n],
  ["100::HUGEINT", 704_719_932_875_954_298n],
  ["0::UTINYINT", 0n],
  ["200::UTINYINT", 5_823_807_852_374_767_127n],
  ["200::USMALLINT", 5_823_807_852_374_767_127n],
  ["0::UINTEGER", 0n],
  ["200::UINTEGER", 5_823_807_852_374_767_127n],
  ["0::UBIGINT", 0n],
  ["200::UBIGINT", 5_823_807_852_374_767_127n],
  ["200::UHUGEINT", 5_823_807_852_374_767_127n],
  ["9223372036854775807::BIGINT", 13_173_756_286_995_563_913n],
  ["(-9223372036854775808)::BIGINT", 8_233_824_478_078_409_175n],
  ["170141183460469231731687303715884105727::HUGEINT", 17_464_040_461_585_920_464n],
  ["''::VARCHAR", 5_104_928_228_550_385_088n],
  ["'a'::VARCHAR", 12_561_829_011_207_016_135n],
  ["'user-1'::VARCHAR", 17_725_878_707_263_071_134n],
  ["'zwölf zeichen'::VARCHAR", 17_713_674_023_204_327_399n],
  ["'a text that is longer than sixteen bytes'::VARCHAR", 14_961_351_216_108_284_909n],
  ["'a'::BLOB", 12_561_829_011_207_016_135n],
  ["'\\x00\\xff'::BLOB", 2_428_164_213_947_723_804n],
  ["0.0::FLOAT", 0n],
  ["-0.0::FLOAT", 0n],
  ["1.5::FLOAT", 877_323_241_837_685_928n],
  ["'NaN'::FLOAT", 9_347_582_828_546_182_512n],
  ["'Infinity'::FLOAT", 1_754_646_483_675_371_856n],
  ["0.0::DOUBLE", 0n],
  ["-0.0::DOUBLE", 0n],
  ["1.5::DOUBLE", 1_706_605_666_616_485_939n],
  ["'NaN'::DOUBLE", 9_170_934_016_072_976_158n],
  ["'Infinity'::DOUBLE", 7_827_579_316_965_298_785n],
  ["true", 4_717_996_019_076_358_352n],
  ["false", 0n],
  ["DATE '1970-01-01'", 0n],
  ["DATE '2026-12-02'", 13_869_664_703_876_853_808n],
  ["TIME '12:34:56'", 240_591_184_469_173_654n],
  ["TIMESTAMP '2026-12-02 12:00:00'", 12_601_808_754_081_029_896n],
  ["TIMESTAMPTZ '2026-12-02 12:00:00+00'", 12_601_808_754_081_029_896n],
  ["'6f9619ff-8b86-d011-b42d-00c04fc964ff'::UUID", 17_725_770_181_557_316_880n],
  ["1.5::DECIMAL(4, 1)", 920_453_014_978_087_379n],
  ["1.5::DECIMAL(9, 2)", 11_259_946_367_786_091_803n],
  ["1.5::DECIMAL(18, 3)", 13_055_447_531_776_758_341n],
  ["1.5::DECIMAL(38, 4)", 3_311_522_632_771_406_645n],
  ["NULL::INTEGER", 13_787_848_793_156_543_929n],
  ["NULL::VARCHAR", 13_787_848_793_156_543_929n],
  ["1::BIGINT, 'a'", 16_748_857_609_561_410_660n],
  ["NULL::INTEGER, NULL::VARCHAR", 18_212_156_630_472_451_589n],
] as const;

let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  connection = await instance.connect();
});
afterAll(() => {
  connection.disconnectSync();
  instance.closeSync();
});

async function resultOf(expression: string): Promise<unknown> {
  return (await connection.runAndReadAll(`SELECT ${expression}`)).getRows()[0]?.[0];
}

test("the hashes of 64 keys are those of the first release with reductions by key", async () => {
  const found: (readonly [string, unknown])[] = [];
  for (const [key] of HASHES) found.push([key, await resultOf(`hash(${key})`)]);
  expect(found).toEqual(HASHES);
  expect(HASHES).toHaveLength(64);
});

test.for([
  ["0.0::DOUBLE", "-0.0::DOUBLE"],
  ["0.0::FLOAT", "-0.0::FLOAT"],
  ["'NaN'::DOUBLE", "-('NaN'::DOUBLE)"],
  ["'NaN'::FLOAT", "-('NaN'::FLOAT)"],
] as const)("the keys %s and %s are equal, and so are their hashes", async ([one, other]) => {
  expect(await resultOf(`${one} = ${other} AND hash(${one}) = hash(${other})`)).toBe(true);
});
