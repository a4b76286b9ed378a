import type { ErrorData } from "../core/errors.ts";
import type { LockedDatabaseOptions } from "./locking.ts";
import type { CopyOptions } from "./sql-database.ts";
import type { SqlSource } from "./sql-error.ts";

/** To a process that runs SQL: one database at a time, opened, used and closed. */
export type SqlCommand =
  | { readonly kind: "open"; readonly options: LockedDatabaseOptions }
  | { readonly kind: "run"; readonly sql: string }
  | { readonly kind: "rows"; readonly sql: string }
  | { readonly kind: "checkSyntax"; readonly source: SqlSource }
  | { readonly kind: "bindPredicate"; readonly source: SqlSource; readonly table: string }
  | { readonly kind: "columnNames"; readonly source: SqlSource }
  | {
      readonly kind: "copyTo";
      readonly source: SqlSource;
      readonly path: string;
      readonly options: CopyOptions;
    }
  | { readonly kind: "copyOwn"; readonly source: SqlSource; readonly path: string }
  | {
      readonly kind: "viewPartials";
      readonly name: string;
      readonly source: SqlSource;
      readonly scan: string;
    }
  | { readonly kind: "close" };

export interface SqlRequest {
  readonly id: number;
  readonly command: SqlCommand;
}

/** From it, one for each request. */
export type SqlReply = { readonly id: number } & (
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "failed"; readonly error: ErrorData }
);
