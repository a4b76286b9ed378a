import type { ShardmillError } from "../../../shared/core/errors.ts";
import { type TableFault, tableFault } from "../../lake/table-error.ts";

/** Returns the error for a log that violates the protocol of Delta tables. */
export function logCorrupt(fault: TableFault): ShardmillError {
  return tableFault(fault, "input.delta");
}
