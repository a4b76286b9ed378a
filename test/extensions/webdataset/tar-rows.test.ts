import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packMembers, unpackMembers } from "../../../extensions/webdataset/packed-members.ts";
import { readRows } from "../../support/read-rows.ts";
import { memberBlocks, paxRecords, TAR_END, tarBytes } from "./tar-bytes.ts";
import { openTar, rowsOf } from "./tar-files.ts";

const ROWS = [
  { name: "a.jpg", content: "one" },
  { name: "a.cls", content: " 7\n" },
  { name: "dir/b.cls", content: "-1_000" },
  { name: "dir/b.txt", content: "é" },
];
const A = { __key__: "a", jpg: "6f6e65", cls: "7n", txt: null };
const B = { __key__: "dir/b", jpg: null, cls: "-1000n", txt: "é" };

describe("rows of a tar", () => {
  it("have the types of the library, and null for missing endings", async () => {
    expect(await rowsOf(tarBytes(ROWS))).toEqual({ rows: [A, B], bad: [] });
  });

  it("with a stem that comes again later are two rows, as in the library", async () => {
    const { rows } = await rowsOf(tarBytes([...ROWS, { name: "a.txt", content: "later" }]));
    expect(rows).toEqual([A, B, { __key__: "a", jpg: null, cls: null, txt: "later" }]);
  });

  it("have the listed endings only, if the job lists endings", async () => {
    const { rows } = await rowsOf(tarBytes(ROWS), { options: { endings: ["txt", "webp"] } });
    expect(rows).toEqual([
      { __key__: "a", txt: null, webp: null },
      { __key__: "dir/b", txt: "é", webp: null },
    ]);
  });

  it("are read without members that no column needs", async () => {
    const large = (name: string) => ({ name, content: Buffer.alloc(300 << 10) });
    const { source, file } = await openTar(tarBytes([large("a.jpg"), ...ROWS.slice(1), large("dir/b.jpg")]));
    const before = source.reads.length;
    expect((await readRows(file, { columns: ["__key__"] })).numRows).toBe(2);
    expect(source.reads.length).toBe(before);
    await readRows(file, { columns: ["cls", "txt"] });
    const bytes = source.reads.slice(before).map(([start, end]) => end - start);
    expect(bytes).toHaveLength(1);
    expect(Math.max(...bytes)).toBeLessThan(4_096);
  });

  it("name the member and its offset when a value is bad", async () => {
    const members = [
      { name: "x/a.cls", content: "7.5" },
      { name: "x/b.cls", content: "9223372036854775808" },
    ];
    const { bad } = await rowsOf(tarBytes([...members, { name: "x/c.txt", content: Buffer.from([0xff]) }]));
    expect(bad.map(({ row }) => row)).toEqual([0, 1, 2]);
    expect(bad[0]?.message).toMatch(/"x\/a\.cls" \(byte 512\), column cls: "7\.5" is not int64/);
    expect(bad[2]?.message).toMatch(/"x\/c\.txt" .*not UTF-8/);
  });

  it("have names of PAX and GNU headers, with global PAX records below local ones", async () => {
    const pax = (type: string, path: string) =>
      memberBlocks({ name: "PaxHeader", type, content: paxRecords({ comment: "a=b\nc", path }) });
    const long = `${"n".repeat(300)}.txt`;
    const content = Buffer.concat([
      memberBlocks({ name: "././@LongLink", type: "L", content: `${long}\0`, magic: "ustar  \0" }),
      memberBlocks({ name: "cut", content: "3", magic: "ustar  \0" }),
      pax("g", "global.txt"),
      memberBlocks({ name: "cut", content: "1" }),
      pax("x", `dir/${long}`),
      memberBlocks({ name: "cut", content: "2" }),
      TAR_END,
    ]);
    const keys = (await rowsOf(content)).rows.map((row) => (row as typeof A).__key__);
    expect(keys).toEqual(["n".repeat(300), "global", `dir/${"n".repeat(300)}`]);
  });
});

describe("a tar is refused by name and offset", () => {
  const blocks = ROWS.map(memberBlocks);
  const first = blocks[0]?.length ?? 0;

  it.each([
    ["a second member of one stem and ending", [...ROWS, { name: "dir/b.TXT" }], null],
    ["a sparse member", [{ name: "s.txt", type: "S" }], "INPUT_UNSUPPORTED"],
    ["a link", [{ name: "s.txt", type: "1" }], "INPUT_UNSUPPORTED"],
    ["an unknown type", [{ name: "s.txt", type: "M" }], "INPUT_UNSUPPORTED"],
  ] as const)("for %s", async (_, members, code) => {
    await expect(rowsOf(tarBytes(members))).rejects.toMatchObject({
      code: code ?? "INPUT_CORRUPT",
      message: expect.stringMatching(/at byte \d+/),
    });
  });

  it("naming both offsets of a duplicate", async () => {
    const twice = tarBytes([{ name: "a.txt" }, { name: "a.TXT" }]);
    await expect(rowsOf(twice)).rejects.toThrow(/"a\.TXT" at byte 512: .*at byte 0/);
  });

  it("for a sparse member of PAX", async () => {
    const pax = paxRecords({ "GNU.sparse.major": "1" });
    const content = [memberBlocks({ name: "p", type: "x", content: pax }), tarBytes([{ name: "s.txt" }])];
    await expect(rowsOf(Buffer.concat(content))).rejects.toMatchObject({ code: "INPUT_UNSUPPORTED" });
  });

  it("for an ending that no sampled file has", async () => {
    const { source, index } = await openTar(tarBytes(ROWS));
    const { indexTar } = await import("../../../extensions/webdataset/plan-tar.ts");
    const form = { ...index.form, fields: index.form.fields.slice(0, 2) };
    await expect(indexTar(source, form, new AbortController().signal)).rejects.toMatchObject({
      code: "INPUT_SCHEMA_MIXED",
      hint: expect.stringContaining('endings: ["jpg", "cls"]'),
    });
  });

  it.each([{ members: [] }, { members: [{ name: "README" }] }])(
    "without rows and listed endings: $members",
    async ({ members }) => {
      await expect(rowsOf(tarBytes(members))).rejects.toMatchObject({
        code: "INPUT_CORRUPT",
        message: expect.stringContaining("/data/a.tar"),
      });
      expect(await rowsOf(tarBytes(members), { options: { endings: ["txt"] } })).toMatchObject({ rows: [] });
    },
  );

  it("cut anywhere before its end, plain or compressed", async () => {
    const content = Buffer.concat(blocks);
    for (const at of [...Array(first + 2).keys(), content.length - 1, content.length])
      await expect(rowsOf(content.subarray(0, at)), `at ${at}`).rejects.toMatchObject({
        code: "INPUT_CORRUPT",
      });
    const packed = gzipSync(tarBytes(ROWS));
    for (let at = 0; at < packed.length; at += 7)
      await expect(rowsOf(packed.subarray(0, at))).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
  });

  it("with a changed byte in any header", async () => {
    const at = fc.nat(511).filter((byte) => byte < 148 || byte >= 156);
    const check = async (byte: number) => {
      const content = tarBytes(ROWS);
      content[first + byte] = (content[first + byte] ?? 0) ^ 1;
      await expect(rowsOf(content)).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
    };
    await fc.assert(fc.asyncProperty(at, check), { numRuns: 50 });
  });

  it("before a second tar in the same file", async () => {
    const content = Buffer.concat([tarBytes(ROWS), tarBytes(ROWS)]);
    await expect(rowsOf(content)).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
  });

  it.each(["a.", "a.__key__"])("for %s, whose ending can name no column", async (name) => {
    await expect(rowsOf(tarBytes([{ name }]))).rejects.toMatchObject({ code: "INPUT_UNSUPPORTED" });
  });

  it.each(["date", "string[]", "bool"])("for the type %s in the job", async (type) => {
    await expect(rowsOf(tarBytes(ROWS), { types: { cls: type } })).rejects.toMatchObject({
      code: "SPEC_INVALID",
    });
  });
});

it("packed members are unpacked unchanged, up to 2^50", () => {
  const number = fc.oneof(fc.nat(200), fc.nat(2 ** 31 - 1), fc.integer({ min: 0, max: 2 ** 50 }));
  const member = fc.record({
    ending: fc.nat(300),
    gap: number,
    bytes: fc.nat(2 ** 30),
    crc: fc.nat(2 ** 31 - 1),
  });
  const rows = fc.array(fc.array(member, { maxLength: 5 }), { maxLength: 8 });
  fc.assert(
    fc.property(rows, fc.nat(1_000), (gaps, start) => {
      let end = start;
      const members = gaps.map((row) =>
        row.map(({ ending, gap, bytes, crc }) => {
          const at = end + gap;
          end = at + bytes;
          return { ending, start: at, bytes, crc32: crc * 2 };
        }),
      );
      fc.pre(Number.isSafeInteger(end));
      expect(unpackMembers(packMembers(members, start), start)).toEqual(members);
    }),
  );
});
