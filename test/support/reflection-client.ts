import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  createFileRegistry,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Client, credentials, type Metadata } from "@grpc/grpc-js";
import type { Credential } from "../../shared/access/credential.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import { authorization } from "../../shared/wire/authorization.ts";
import { TEST_CREDENTIAL } from "./access.ts";

export type ReflectionVersion = "v1" | "v1alpha";

/** Stored descriptors, which a compiler made of the proto files. */
export const DESCRIPTORS = join(packageRoot, "proto", "descriptors.binpb");

/**
 * Loads a strict implementation of protobuf, other than the server's. It refuses descriptors that no compiler
 * makes.
 */
export async function compiledRegistry(): Promise<FileRegistry> {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, await readFile(DESCRIPTORS)));
}

/** A client that knows only reflection. It learns the services from the server. */
export class ReflectionClient implements Disposable {
  readonly #client: Client;
  readonly #reflection: FileRegistry;
  readonly #metadata: Metadata;

  private constructor(address: string, reflection: FileRegistry, credential: Credential) {
    this.#client = new Client(address, credentials.createInsecure());
    this.#reflection = reflection;
    this.#metadata = authorization(credential);
  }

  static async of(address: string, credential: Credential = TEST_CREDENTIAL): Promise<ReflectionClient> {
    return new ReflectionClient(address, await compiledRegistry(), credential);
  }

  /** Sends requests in one stream, half-closes it, and waits until the server ends it. */
  async ask(version: ReflectionVersion, questions: readonly JsonValue[]): Promise<Record<string, unknown>[]> {
    const at = `grpc.reflection.${version}`;
    const request = messageOf(this.#reflection, `${at}.ServerReflectionRequest`);
    const response = messageOf(this.#reflection, `${at}.ServerReflectionResponse`);
    const answers = await this.stream(
      `/${at}.ServerReflection/ServerReflectionInfo`,
      questions.map((question) => toBinary(request, fromJson(request, question))),
    );
    return answers.map((bytes) => toJson(response, fromBinary(response, bytes)) as Record<string, unknown>);
  }

  /** Returns the bytes of every file that the server has for these symbols. */
  async files(version: ReflectionVersion, symbols: readonly string[]): Promise<Buffer[]> {
    const answers = await this.ask(
      version,
      symbols.map((symbol) => ({ fileContainingSymbol: symbol })),
    );
    return answers.flatMap((answer) => {
      const found = answer.fileDescriptorResponse as { fileDescriptorProto?: string[] } | undefined;
      return (found?.fileDescriptorProto ?? []).map((base64) => Buffer.from(base64, "base64"));
    });
  }

  /**
   * Builds a strict registry from the server's own descriptors of these services.
   *
   * @throws {Error} when they contradict each other
   */
  async registry(version: ReflectionVersion, services: readonly string[]): Promise<FileRegistry> {
    const files = (await this.files(version, services)).map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    const find = (name: string) => files.find((file) => file.name === name);
    return createFileRegistry(...files.map((file) => createFileRegistry(file, find)));
  }

  /** Calls a unary method as `registry` describes it: JSON in, JSON out. */
  async call(
    registry: FileRegistry,
    service: string,
    method: string,
    request: JsonValue,
  ): Promise<JsonValue> {
    const found = registry.getService(service)?.methods.find(({ name }) => name === method);
    if (found === undefined) throw new Error(`no ${service}/${method}`);
    const bytes = toBinary(found.input, fromJson(found.input, request));
    const [answer] = await this.stream(`/${service}/${method}`, [bytes]);
    if (answer === undefined) throw new Error("no answer");
    return toJson(found.output, fromBinary(found.output, answer));
  }

  /**
   * Sends messages and returns the answers, until the server ends the call.
   *
   * @throws {Error} the call's status
   */
  stream(path: string, messages: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return new Promise((resolve, reject) => {
      const asIs = (bytes: Buffer) => bytes;
      const call = this.#client.makeBidiStreamRequest<Buffer, Buffer>(path, asIs, asIs, this.#metadata);
      const answers: Uint8Array[] = [];
      call.on("data", (bytes: Buffer) => answers.push(bytes));
      call.on("error", reject);
      call.on("end", () => resolve(answers));
      for (const message of messages) call.write(Buffer.from(message));
      call.end();
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function messageOf(registry: FileRegistry, name: string): DescMessage {
  const found = registry.getMessage(name);
  if (found === undefined) throw new Error(`no message ${name}`);
  return found;
}
