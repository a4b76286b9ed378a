import { ShardmillError } from "../../../shared/core/errors.ts";
import { type TableFault, tableFault } from "../../lake/table-error.ts";

/** Returns the error for metadata that violates the specification of Iceberg tables. */
export function tableCorrupt(fault: TableFault): ShardmillError {
  return tableFault(fault, "input.iceberg");
}

const COPY = "copy the table with the tools that write it, into one without it";

/** Returns the error for a table that needs something of its readers which Shardmill does not have. */
export function tableUnsupported(path: string, what: string, hint: string = COPY): ShardmillError {
  const message = `the Iceberg table ${path} has ${what}, which is not supported`;
  return new ShardmillError("INPUT_UNSUPPORTED", message, {
    fields: { path, what },
    problems: [{ where: path, what: `has ${what}`, hint }],
    hint,
  });
}
