import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  fromJSON,
  type MessageTypeDefinition,
  type MethodDefinition,
  type ServiceDefinition,
} from "@grpc/proto-loader";
import { packageRoot } from "../core/package-root.ts";

/**
 * Messages and services of the proto files, as scripts/descriptors.mjs compiled them. Parsing the proto files
 * again in each process and thread that speaks gRPC would take longer.
 */
const MESSAGES = join(packageRoot, "proto", "messages.json");

/**
 * All messages and services. `longs: Number` is safe: every 64-bit field counts rows or bytes, and codecs
 * refuse numbers from 2^53 on. Tokens are uint32. `defaults: true` sets all fields except messages, optional
 * fields and oneof members.
 */
const loaded = fromJSON(JSON.parse(readFileSync(MESSAGES, "utf8")), {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
});

/** Service of a foreign protocol. */
export interface ForeignService {
  /** Name with its package. */
  readonly service: string;
  readonly definitions: ServiceDefinition;
  /** Limits of entries in the lists and maps of its requests: see `RequestLimits`. */
  readonly items: Readonly<Record<string, number>>;
}

export function loadForeign(service: string, items: ForeignService["items"]): ForeignService {
  return { service, definitions: serviceNamed(service), items };
}

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
  return serviceNamed(fullServiceName(service));
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

function serviceNamed(name: string): ServiceDefinition {
  const found = loaded[name];
  if (found === undefined || "format" in found) throw new Error(`broken invariant: no service ${name}`);
  return found as ServiceDefinition;
}
