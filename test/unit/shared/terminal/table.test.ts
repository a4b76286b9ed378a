import { describe, expect, it } from "vitest";
import { renderTable } from "../../../../shared/terminal/table.ts";

describe("a rendered table", () => {
  it("words are aligned left and numbers right, and no line ends in blanks", () => {
    const rows = [
      ["test", 2_000, "x"],
      ["train", 8_000n, ""],
    ];
    expect(renderTable({ columns: ["split", "rows", "note"], rows }).split("\n")).toEqual([
      "split  rows  note",
      "test   2000  x",
      "train  8000",
    ]);
  });

  it("null and undefined are blank and do not change the alignment", () => {
    const rows = [
      [null, 1],
      ["a", null],
      [undefined, 10],
    ];
    expect(renderTable({ columns: ["k", "n"], rows }).split("\n")).toEqual(["k   n", "    1", "a", "   10"]);
  });

  it("dates, lists, structs with 64-bit numbers and booleans are shown on one line", () => {
    const rows = [[new Date(0), [1, 2], { n: 5n }, true]];
    expect(renderTable({ columns: ["a", "b", "c", "d"], rows }).split("\n")[1]).toBe(
      `1970-01-01T00:00:00.000Z  [1,2]  {"n":5}  true`,
    );
  });

  it("line breaks and escape codes are removed from titles and cells", () => {
    const rows = [["one\ntwo\u001b[2J\u0007 \u202ethree"]];
    expect(renderTable({ columns: ["a\tb"], rows })).toBe("a b\none two[2J three");
  });

  it("wide characters count as two columns and combining marks as none", () => {
    const rows = [
      ["日本", "x"],
      ["e\u0301te\u0301", "x"],
      ["👩‍👩‍👧", "x"],
    ];
    expect(renderTable({ columns: ["name", "y"], rows }).split("\n")).toEqual([
      "name  y",
      "日本  x",
      "e\u0301te\u0301   x",
      "👩‍👩‍👧    x",
    ]);
  });

  it("long cells are cut to the given width, also those with wide characters", () => {
    const rows = [["abcdef"], ["日本語日本"], ["abcde"]];
    expect(renderTable({ columns: ["t"], rows }, undefined, { maxCellColumns: 5 })).toBe(
      "t\nabcd…\n日本…\nabcde",
    );
  });

  it("the first rows are shown, and the others are counted, including rows that were not passed", () => {
    const rows = [[1], [2], [3]];
    expect(renderTable({ columns: ["n"], rows }, undefined, { maxRows: 2 })).toBe("n\n1\n2\n... 1 more row");
    expect(renderTable({ columns: ["n"], rows, totalRows: 1_003 })).toBe("n\n1\n2\n3\n... 1,000 more rows");
    expect(renderTable({ columns: ["n"], rows }, undefined, { maxRows: 3 })).toBe("n\n1\n2\n3");
  });

  it("columns without room on the terminal are not shown, except the first column", () => {
    const table = { columns: ["one", "two", "six"], rows: [] };
    expect(renderTable(table, undefined, { terminalColumns: 13 })).toBe("one  two  six");
    expect(renderTable(table, undefined, { terminalColumns: 12 })).toBe("one  two\n... 1 more column");
    expect(renderTable(table, undefined, { terminalColumns: 2 })).toBe("one\n... 2 more columns");
  });
});
