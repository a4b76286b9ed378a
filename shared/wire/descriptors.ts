import { readFile } from "node:fs/promises";
import { join } from "node:path";
import protobuf from "protobufjs";
import { packageRoot } from "../core/package-root.ts";

/** FileDescriptorSet, compiled from the proto files by scripts/descriptors.mjs. */
const DESCRIPTORS = join(packageRoot, "proto", "descriptors.binpb");

/** Returns the descriptors of all files that services come from, as FileDescriptorProto bytes. */
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
