import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { MethodDefinition } from "@grpc/grpc-js";
import protobuf from "protobufjs/light.js";
import { packageRoot } from "../core/package-root.ts";

/**
 * Messages and services of the proto files, as scripts/descriptors.mjs compiled them for protobufjs. Parsing
 * the proto files, and making descriptors that nothing reads, takes ten times as long. Each process and
 * thread that speaks gRPC would do it again.
 */
const MESSAGES = join(packageRoot, "proto", "messages.json");

/**
 * Form of decoded messages. `longs: Number` is safe: every 64-bit field counts rows or bytes, and codecs
 * refuse numbers from 2^53 on. Tokens are uint32. `defaults: true` sets all fields except messages, optional
 * fields and oneof members.
 */
const DECODED: protobuf.IConversionOptions = { longs: Number, enums: String, defaults: true, oneofs: true };

const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(MESSAGES, "utf8")));

interface MessageDefinition {
  readonly type: protobuf.Type;
  serialize(message: object): Buffer;
  deserialize(bytes: Uint8Array): object;
}

/** Method, in the form of grpc-js, with the type of its request. */
export interface CallDefinition extends MethodDefinition<object, object> {
  readonly request: protobuf.Type;
}

/** Methods of a service, by name. */
type CallDefinitions = Readonly<Record<string, CallDefinition>>;

function messageOf(type: protobuf.Type): MessageDefinition {
  return {
    type,
    // In Node.js, protobufjs writes Buffers.
    serialize: (message) => type.encode(type.fromObject(message)).finish() as Buffer,
    deserialize: (bytes) => type.toObject(type.decode(bytes), DECODED),
  };
}

function callsOf(service: protobuf.Service): CallDefinitions {
  // Full names begin with a dot.
  const path = service.fullName.slice(1);
  const calls = service.methodsArray.map((method): [string, CallDefinition] => {
    const request = messageOf(service.lookupType(method.requestType));
    const response = messageOf(service.lookupType(method.responseType));
    return [
      method.name,
      {
        path: `/${path}/${method.name}`,
        requestStream: method.requestStream === true,
        responseStream: method.responseStream === true,
        requestSerialize: request.serialize,
        requestDeserialize: request.deserialize,
        responseSerialize: response.serialize,
        responseDeserialize: response.deserialize,
        request: request.type,
      },
    ];
  });
  return Object.fromEntries(calls);
}

/** Service of a foreign protocol. */
export interface ForeignService {
  /** Name with its package. */
  readonly service: string;
  readonly definitions: CallDefinitions;
  /** Limits of entries in the lists and maps of its requests: see `RequestLimits`. */
  readonly items: Readonly<Record<string, number>>;
}

export function loadForeign(service: string, items: ForeignService["items"]): ForeignService {
  return { service, definitions: callsOf(root.lookupService(service)), items };
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

const services = new Map<ServiceName, CallDefinitions>();

export function serviceDefinition(service: ServiceName): CallDefinitions {
  const known = services.get(service);
  if (known !== undefined) return known;
  const made = callsOf(root.lookupService(fullServiceName(service)));
  services.set(service, made);
  return made;
}

export function methodDefinition(service: ServiceName, method: string): CallDefinition {
  const found = serviceDefinition(service)[method];
  if (found === undefined) throw new Error(`broken invariant: no method ${service}/${method}`);
  return found;
}

export function messageDefinition(message: string): MessageDefinition {
  return messageOf(root.lookupType(`shardmill.v1.${message}`));
}
