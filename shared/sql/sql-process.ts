import { assertNever, present } from "../core/assert.ts";
import { errorToData } from "../core/errors.ts";
import { type LockedDatabase, openLockedDatabase } from "./locked-database.ts";
import type { SqlCommand, SqlReply, SqlRequest } from "./sql-protocol.ts";

/**
 * Entry of a process that runs SQL for its owner, who ends it by force when it is not done: DuckDB is at work
 * in no other.
 */
let database: LockedDatabase | null = null;

// By force: an exit would wait for the statement under way.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
// Ctrl-C reaches the whole process group; what becomes of this process is its owner's to say.
process.on("SIGINT", () => {});
process.on("message", async ({ id, command }: SqlRequest) => {
  process.send?.(await answer(id, command));
});

async function answer(id: number, command: SqlCommand): Promise<SqlReply> {
  try {
    return { id, kind: "done", value: await obey(command) };
  } catch (error) {
    return { id, kind: "failed", error: errorToData(error) };
  }
}

async function obey(command: SqlCommand): Promise<unknown> {
  switch (command.kind) {
    case "open":
      database = await openLockedDatabase(command.options);
      return null;
    case "run":
      return opened().run(command.sql);
    case "rows":
      return opened().rows(command.sql);
    case "checkSyntax":
      return opened().checkSyntax(command.source);
    case "bindPredicate":
      return opened().bindPredicate(command.source, command.table);
    case "columnNames":
      return opened().columnNames(command.source);
    case "copyTo":
      return opened().copyTo(command.source, command.path, command.options);
    case "copyOwn":
      return opened().copyOwn(command.source, command.path);
    case "viewPartials":
      return opened().viewPartials(command.name, command.source, command.scan);
    case "close":
      await opened()[Symbol.asyncDispose]();
      database = null;
      return null;
    default:
      return assertNever(command);
  }
}

function opened(): LockedDatabase {
  return present(database, "a database is opened before it is asked");
}
