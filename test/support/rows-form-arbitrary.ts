import fc from "fast-check";
import { COMPRESSIONS } from "../../shared/domain/rows-form.ts";
import { text } from "./wire-arbitraries.ts";

const order = fc.constantFrom("ascending" as const, "descending" as const);

/** Form of the rows files, as workers receive it. */
const rowsForm = fc.record({
  compression: fc.option(fc.constantFrom(...COMPRESSIONS)),
  rowGroupRows: fc.option(fc.nat(1000).map((rows) => rows + 1)),
  sort: fc.array(fc.record({ column: text, order }), { maxLength: 3 }),
});

export const rowsKeys = { rowsFormat: fc.constantFrom("parquet", "arrow", "none"), rowsForm } as const;
