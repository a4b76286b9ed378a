import type { ServerInfo } from "../domain/server-info.ts";
import { protocolRangeCodec } from "./codec-worker.ts";
import { field } from "./field.ts";
import { defineMethod, noArguments } from "./method.ts";
import { tableCodec } from "./table-codec.ts";

const serverInfo = tableCodec<ServerInfo>("GetServerInfoResponse", {
  build: field.text,
  protocol: field.message(protocolRangeCodec),
  mapping: field.text,
  startedMs: field.count,
  takesJobs: field.flag,
  remembersJobs: field.flag,
  serves: field.texts,
});

export const serverMethods = {
  getServerInfo: defineMethod("ServerService", "GetServerInfo", noArguments, serverInfo),
} as const;
