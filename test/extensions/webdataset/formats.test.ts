import { formatContract, type WrittenRow } from "../../contract/format-contract.ts";
import { tarBytes } from "./tar-bytes.ts";

formatContract({
  name: "webdataset",
  // Endings that the library decodes as no number or text are bytes.
  types: { share: "float64", note: "string" },
  ownColumns: ["__key__"],
  badColumn: "id",
  refusesEmpty: true,
  write: (rows) =>
    rows.length === 0
      ? // The columns come from other files.
        tarBytes([{ name: "README" }])
      : tarBytes(
          rows.flatMap((row, at) => {
            const { id, share, note }: Omit<WrittenRow, "id"> & { id: number | string } = row ?? {
              id: "none",
              share: 0.5,
              note: "",
            };
            const stem = String(at).padStart(6, "0");
            return [
              { name: `${stem}.id`, content: `${id}\n` },
              { name: `${stem}.share`, content: String(share) },
              { name: `${stem}.note`, content: note },
            ];
          }),
        ),
});
