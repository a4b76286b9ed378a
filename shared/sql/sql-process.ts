import { present } from "../core/assert.ts";
import { serveOwner } from "../core/remote/serve-owner.ts";
import { type LockedDatabase, openLockedDatabase } from "./locked-database.ts";
import type { SqlProcessMethods } from "./sql-process-client.ts";

/** Database of the owner, which may kill this process. DuckDB runs in no other kind of process. */
let database: LockedDatabase | null = null;

serveOwner<SqlProcessMethods>({
  async open(options) {
    database = await openLockedDatabase(options);
  },
  run: (sql) => opened().run(sql),
  rows: (sql) => opened().rows(sql),
  checkSyntax: (source) => opened().checkSyntax(source),
  bindPredicate: ({ source, table }) => opened().bindPredicate(source, table),
  columnNames: (source) => opened().columnNames(source),
  copyTo: ({ source, path, options }) => opened().copyTo(source, path, options),
  copyOwn: ({ source, path }) => opened().copyOwn(source, path),
  viewPartials: ({ name, source, scan }) => opened().viewPartials(name, source, scan),
  async close() {
    await opened()[Symbol.asyncDispose]();
    database = null;
  },
});

function opened(): LockedDatabase {
  return present(database, "a database is opened before it is used");
}
