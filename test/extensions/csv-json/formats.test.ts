import { formatContract } from "../../contract/format-contract.ts";

formatContract({
  name: "csv",
  write: (rows) => {
    const lines = rows.map((row) =>
      row === null ? "1,2" : `${row.id},${row.share},"${row.note.replaceAll('"', '""')}"`,
    );
    return ["id,share,note", ...lines].join("\n");
  },
});

formatContract({
  name: "json",
  write: (rows) => rows.map((row) => (row === null ? "[1]" : JSON.stringify(row))).join("\n"),
});
