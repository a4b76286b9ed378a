import { readFile } from "node:fs/promises";
import { join } from "node:path";
import protobuf from "protobufjs";
import { packageRoot } from "../core/package-root.ts";

/** A FileDescriptorSet, which a compiler made of the proto files (scripts/descriptors.mjs). */
const DESCRIPTORS = join(packageRoot, "proto", "descriptors.binpb");

/** The descriptors of every file that a server's services come from, as FileDescriptorProto bytes. */
export async function compiledDescriptors(): Promise<Buffer[]> {
  const reader = protobuf.Reader.create(await readFile(DESCRIPTORS));
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    // The set has one field: its files.
    reader.uint32();
    files.push(Buffer.from(reader.bytes()));
  }
  return files;
}
