import { join } from "node:path";
import {
  loadSync,
  type MessageTypeDefinition,
  type MethodDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from "@grpc/proto-loader";
import { packageRoot } from "../core/package-root.ts";

const PROTO_FOLDER = join(packageRoot, "proto");
const PROTO_FILES = ["accuracy", "batch", "common", "work", "data", "jobs", "workers", "server"].map(
  (name) => `shardmill/v1/${name}.proto`,
);

/**
 * Loads proto files. `longs: Number` is safe: every 64-bit field counts rows or bytes, and codecs refuse
 * numbers from 2^53 on. Tokens are uint32. `defaults: true` sets all fields except messages, optional fields
 * and oneof members.
 */
function loadProtos(files: string[]): PackageDefinition {
  return loadSync(files, {
    includeDirs: [PROTO_FOLDER],
    keepCase: false,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
}

/** Service of a foreign protocol. */
export interface ForeignService {
  /** Name with its package. */
  readonly service: string;
  readonly definitions: ServiceDefinition;
  /** Limits of entries in the lists and maps of its requests: see `RequestLimits`. */
  readonly items: Readonly<Record<string, number>>;
}

/** @param file path below `proto/` */
export function loadForeign(file: string, service: string, items: ForeignService["items"]): ForeignService {
  return { service, definitions: loadProtos([file])[service] as ServiceDefinition, items };
}

const loaded = loadProtos(PROTO_FILES);

export type ServiceName = "WorkService" | "DataService" | "JobsService" | "WorkersService" | "ServerService";

export const SERVICE_NAMES = [
  "WorkService",
  "DataService",
  "JobsService",
  "WorkersService",
  "ServerService",
] as const satisfies readonly ServiceName[];

/** Returns the name for health checks and reflection: `shardmill.v1.WorkService`. */
export function fullServiceName(service: ServiceName): string {
  return `shardmill.v1.${service}`;
}

export function serviceDefinition(service: ServiceName): ServiceDefinition {
  const found = loaded[fullServiceName(service)];
  if (found === undefined || "format" in found) throw new Error(`broken invariant: no service ${service}`);
  return found as ServiceDefinition;
}

export function methodDefinition(service: ServiceName, method: string): MethodDefinition<object, object> {
  const found = serviceDefinition(service)[method];
  if (found === undefined) throw new Error(`broken invariant: no method ${service}/${method}`);
  return found;
}

export function messageDefinition(message: string): MessageTypeDefinition<object, object> {
  const found = loaded[`shardmill.v1.${message}`];
  if (found === undefined || !("serialize" in found))
    throw new Error(`broken invariant: no message ${message}`);
  return found as MessageTypeDefinition<object, object>;
}
