import type { UntypedHandleCall } from "@grpc/grpc-js";
import type { MethodDefinition } from "@grpc/proto-loader";
import { ShardmillError } from "../core/errors.ts";
import type { Codec } from "./codec.ts";
import { checkLimits, REQUEST_LIMITS, type RequestLimits } from "./limits.ts";
import { type ForeignService, methodDefinition, type ServiceName } from "./load-protos.ts";
import { WireReader } from "./wire-message.ts";

/**
 * Method of a service for both ends. The client encodes requests and decodes responses with it, the server
 * does the reverse.
 */
export interface Method<Request, Response> {
  readonly service: string;
  /** Name in the proto file: `RequestLease`. */
  readonly name: string;
  readonly definition: MethodDefinition<object, object>;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
  /** Limits of requests. */
  readonly limits: RequestLimits;
}

/** Method with its handler, in the form that grpc-js adds to a server. */
export interface HandledMethod {
  readonly definition: MethodDefinition<object, object>;
  readonly handler: UntypedHandleCall;
}

/** Pairs a method with its handler, by its path. */
export function handledMethod(
  { definition }: Pick<Method<unknown, unknown>, "definition">,
  handler: UntypedHandleCall,
): [path: string, method: HandledMethod] {
  return [definition.path, { definition, handler }];
}

export function defineMethod<Request, Response>(
  service: ServiceName,
  name: string,
  request: Codec<Request>,
  response: Codec<Response>,
): Method<Request, Response> {
  const definition = methodDefinition(service, name);
  return { service, name, definition, request, response, limits: REQUEST_LIMITS };
}

export function defineForeign<Request, Response>(
  { service, definitions, items }: ForeignService,
  name: string,
  request: Codec<Request>,
  response: Codec<Response>,
): Method<Request, Response> {
  const definition = definitions[name];
  if (definition === undefined) throw new Error(`broken invariant: no method ${service}/${name}`);
  return { service, name, definition, request, response, limits: { ...REQUEST_LIMITS, items } };
}

/** Codec of empty responses. */
export const nothing: Codec<void> = { encode: () => ({}), decode: () => undefined };

/** Codec of empty requests. */
export const noArguments: Codec<Readonly<Record<string, never>>> = { encode: () => ({}), decode: () => ({}) };

/**
 * Decodes a request.
 *
 * @throws {ARGUMENT_INVALID} when the request is invalid, or exceeds {@link REQUEST_LIMITS}
 */
export function decodeRequest<Request>(method: Method<Request, unknown>, message: unknown): Request {
  try {
    const place = `${method.name}Request`;
    checkLimits(message, place, method.limits);
    return method.request.decode(new WireReader(message, place));
  } catch (error) {
    if (!(error instanceof ShardmillError) || error.code !== "RPC_FAILED") throw error;
    throw new ShardmillError("ARGUMENT_INVALID", error.message, { fields: error.fields, cause: error });
  }
}

/** Decodes a response. @throws {RPC_FAILED} when the coordinator's response is invalid */
export function decodeResponse<Response>(
  method: { readonly name: string; readonly response: Codec<Response> },
  message: unknown,
): Response {
  return method.response.decode(new WireReader(message, `${method.name}Response`));
}
